from __future__ import annotations

import ast
import fcntl
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stack import environments
from stack.environments import EnvironmentFailure, ensure
from stack.settings import REPO


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone whose one environment needs nothing."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "some.txt").touch()
    (tmp_path / ".venv" / "some").mkdir(parents=True)
    monkeypatch.setattr(environments, "REPO", tmp_path)
    return tmp_path


def _mark_built(clone: Path) -> None:
    text = environments._description(clone / "requirements" / "some.txt")
    (clone / ".venv" / "some" / ".built-from").write_text(text)


def test_an_unknown_environment_is_named() -> None:
    with pytest.raises(EnvironmentFailure, match=r"'nosuch'; choose one of core, dev"):
        ensure("nosuch")


def test_a_current_environment_is_left_alone(clone: Path) -> None:
    _mark_built(clone)
    assert ensure("some") == clone / ".venv" / "some" / "bin" / "python"
    assert not (clone / ".venv" / ".lock").exists()


def test_changed_requirements_are_noticed(clone: Path) -> None:
    _mark_built(clone)
    requirements = clone / "requirements" / "some.txt"
    requirements.write_text("thing==1\n")
    assert not environments._is_current("some", requirements)


def test_a_second_caller_waits_and_uses_what_the_first_built(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ThreadPoolExecutor() as pool, (clone / ".venv" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = pool.submit(ensure, "some")
        deadline = time.monotonic() + 10
        said = ""
        while "waiting" not in said:
            assert time.monotonic() < deadline, "the second caller did not wait"
            said += capsys.readouterr().err
        assert not second.done()
        _mark_built(clone)
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert second.result(timeout=10).name == "python"


@pytest.mark.parametrize("name", ["lake", "stack/environments.py"])
def test_python_3_9_can_read_what_starts_the_lake(name: str) -> None:
    ast.parse((REPO / name).read_text(encoding="utf-8"), feature_version=(3, 9))
