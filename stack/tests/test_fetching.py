from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from stack import fetching
from stack.exceptions import FetchError
from stack.fetching import cached_path, fetch, fetch_all, is_cached
from stack.settings import Settings
from stack.tests.repository import Repository, artefact_of, serving

CONTENT = os.urandom(3_000_000)
ARTEFACT = artefact_of(CONTENT)


@pytest.fixture
def repository() -> Iterator[Repository]:
    with serving(CONTENT) as repository:
        yield repository


@pytest.fixture
def lake(repository: Repository, bare_lake: Settings) -> Settings:
    return bare_lake.model_copy(update={"maven_repository": repository.url})


def test_fetches_once(lake: Settings, repository: Repository) -> None:
    assert not is_cached(lake, ARTEFACT)
    assert fetch(lake, ARTEFACT).read_bytes() == CONTENT
    assert fetch(lake, ARTEFACT) == cached_path(lake, ARTEFACT)
    assert repository.ranges == [None]


def test_continues_after_the_connection_broke(lake: Settings, repository: Repository) -> None:
    repository.breaks_after = [2_500_000]
    assert fetch(lake, ARTEFACT).read_bytes() == CONTENT
    assert repository.ranges[0] is None
    assert repository.ranges[1] is not None
    assert len(repository.ranges) == 2


def test_continues_what_an_earlier_command_left(lake: Settings, repository: Repository) -> None:
    path = cached_path(lake, ARTEFACT)
    path.parent.mkdir(parents=True)
    path.with_name(path.name + ".part").write_bytes(CONTENT[:200_000])
    assert fetch(lake, ARTEFACT).read_bytes() == CONTENT
    assert repository.ranges == ["bytes=200000-"]


def test_starts_over_when_the_server_does_not_resume(lake: Settings, repository: Repository) -> None:
    repository.breaks_after = [2_500_000]
    repository.resumes = False
    assert fetch(lake, ARTEFACT).read_bytes() == CONTENT


def test_starts_over_when_what_was_left_is_wrong(lake: Settings, repository: Repository) -> None:
    path = cached_path(lake, ARTEFACT)
    path.parent.mkdir(parents=True)
    path.with_name(path.name + ".part").write_bytes(b"x" * 200_000)
    assert fetch(lake, ARTEFACT).read_bytes() == CONTENT
    assert repository.ranges == ["bytes=200000-", None]


@pytest.mark.parametrize("damaged", [CONTENT[:-1], b"?" + CONTENT[1:], b""])
def test_a_corrupted_file_is_fetched_again(lake: Settings, repository: Repository, damaged: bytes) -> None:
    path = fetch(lake, ARTEFACT)
    path.write_bytes(damaged)
    assert not is_cached(lake, ARTEFACT)
    assert fetch(lake, ARTEFACT).read_bytes() == CONTENT
    assert len(repository.ranges) == 2


def test_a_file_that_was_only_touched_is_kept(lake: Settings, repository: Repository) -> None:
    path = fetch(lake, ARTEFACT)
    os.utime(path)
    fetch(lake, ARTEFACT)
    assert is_cached(lake, ARTEFACT)
    assert len(repository.ranges) == 1


def test_refuses_other_content_than_was_pinned(
    lake: Settings, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "ATTEMPTS", 1)
    repository.content = b"!" + CONTENT[1:]
    with pytest.raises(FetchError, match="not the pinned one"):
        fetch(lake, ARTEFACT)
    assert not cached_path(lake, ARTEFACT).exists()


def test_a_missing_file_is_not_asked_for_twice(lake: Settings, repository: Repository) -> None:
    repository.status = 404
    with pytest.raises(FetchError, match="LAKE_MAVEN_REPOSITORY"):
        fetch(lake, ARTEFACT)
    assert len(repository.ranges) == 1


def test_two_at_once_download_once(lake: Settings, repository: Repository) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: fetch(lake, ARTEFACT), range(2)))
    assert len(repository.ranges) == 1


def test_tells_how_far_it_is(lake: Settings) -> None:
    told: list[int] = []
    fetch_all(lake, [ARTEFACT], lambda _, size: told.append(size))
    assert told == sorted(told)
    assert told[-1] == len(CONTENT)
