from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import pytest

from stack.fetching import cached_path
from stack.settings import Settings
from stack.tests.repository import Repository, artefact_of, serving
from stack.unpacking import is_complete, unpack


def _archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in ("bin/run", "lib/thing.jar"):
            entry = tarfile.TarInfo(name)
            entry.size = len(name)
            tar.addfile(entry, io.BytesIO(name.encode()))
    return buffer.getvalue()


CONTENT = _archive()
ARTEFACT = artefact_of(CONTENT, packaging="tar.gz")


@pytest.fixture
def repository() -> Iterator[Repository]:
    with serving(CONTENT) as repository:
        yield repository


@pytest.fixture
def lake(repository: Repository, bare_lake: Settings) -> Settings:
    return bare_lake.model_copy(update={"maven_repository": repository.url})


def test_unpacks_once(lake: Settings) -> None:
    home = unpack(lake, ARTEFACT)
    assert (home / "bin" / "run").read_text() == "bin/run"
    made = home.stat().st_ino
    assert unpack(lake, ARTEFACT).stat().st_ino == made


def test_a_lost_file_is_unpacked_again(lake: Settings) -> None:
    home = unpack(lake, ARTEFACT)
    (home / "lib" / "thing.jar").unlink()
    assert not is_complete(home)
    assert (unpack(lake, ARTEFACT) / "lib" / "thing.jar").exists()


def test_a_damaged_download_is_fetched_again_before_unpacking(lake: Settings, repository: Repository) -> None:
    home = unpack(lake, ARTEFACT)
    (home / "bin" / "run").unlink()
    cached_path(lake, ARTEFACT).write_bytes(b"\0" * len(CONTENT))
    assert (unpack(lake, ARTEFACT) / "bin" / "run").exists()
    assert len(repository.ranges) == 2


def test_leftovers_of_an_interrupted_unpacking_go(lake: Settings) -> None:
    home = unpack(lake, ARTEFACT)
    leftover = home.with_name(f".{home.name}.tmpabc")
    leftover.mkdir()
    (home / "bin" / "run").unlink()
    unpack(lake, ARTEFACT)
    assert not leftover.exists()
