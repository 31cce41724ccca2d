"""Which state a new job goes on from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from streaming.checkpoints import newest_complete, prune


def checkpoint(root: Path, name: str, age: int, content: str | None = "state") -> Path:
    """A checkpoint made `age` seconds before a fixed time; without content it was cut short."""
    directory = root / name
    directory.mkdir(parents=True)
    if content is not None:
        metadata = directory / "_metadata"
        metadata.write_text(content)
        os.utime(metadata, (1_000_000 - age, 1_000_000 - age))
    return directory


@pytest.fixture
def roots(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "checkpoints", tmp_path / "savepoints"


def test_no_state_where_no_job_was(roots: tuple[Path, Path]) -> None:
    assert newest_complete(*roots) is None


def test_the_newest_over_all_jobs_is_chosen(roots: tuple[Path, Path]) -> None:
    checkpoint(roots[0], "job1/chk-90", age=100)
    newest = checkpoint(roots[0], "job2/chk-3", age=10)
    checkpoint(roots[1], "savepoint-job1-x", age=50)

    assert newest_complete(*roots) == newest


def test_a_savepoint_counts_when_it_is_the_newest(roots: tuple[Path, Path]) -> None:
    checkpoint(roots[0], "job1/chk-1", age=100)
    savepoint = checkpoint(roots[1], "savepoint-job1-x", age=50)

    assert newest_complete(*roots) == savepoint


@pytest.mark.parametrize("cut_short", [None, ""])
def test_a_checkpoint_that_was_cut_short_is_passed_over(roots: tuple[Path, Path], cut_short: str | None) -> None:
    whole = checkpoint(roots[0], "job1/chk-7", age=20)
    checkpoint(roots[0], "job1/chk-8", age=10, content=cut_short)

    assert newest_complete(*roots) == whole


def test_other_jobs_are_pruned_once_the_new_one_has_a_checkpoint(roots: tuple[Path, Path]) -> None:
    checkpoint(roots[0], "old/chk-7", age=20)
    checkpoint(roots[0], "new/chk-8", age=10, content=None)
    assert prune(roots[0], keep="new") == []

    mine = checkpoint(roots[0], "new/chk-9", age=5)

    assert [path.name for path in prune(roots[0], keep="new")] == ["old"]
    assert newest_complete(*roots) == mine
