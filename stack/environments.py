"""The virtual environments under `.venv/`, each an exact image of its `requirements/<group>.txt`.

Runs before anything is installed: standard library only, and Python 3.9 must be able to read it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

REPO = Path(__file__).resolve().parent.parent
PYTHON_VERSION = "3.11"
GROUPS = ("core", "dev", "flink", "lint")


class EnvironmentFailure(Exception):  # noqa: N818
    """An environment could not be built; the message says why and what to do."""


def python_of(group: str) -> Path:
    """The interpreter of an environment, whether or not it is there yet."""
    return REPO / ".venv" / group / "bin" / "python"


def ensure(group: str) -> Path:
    """Bring the environment `group` in line with its requirements, and return its interpreter.

    Costs one file comparison when nothing changed. Safe against a second caller (the later one waits) and against
    interruption (a half-built environment is built anew). Progress goes to stderr.

    Raises:
        EnvironmentFailure: no such group, or the packages could not be installed.
    """
    requirements = REPO / "requirements" / f"{group}.txt"
    if not requirements.is_file():
        known = ", ".join(sorted(file.stem for file in requirements.parent.glob("*.txt")))
        raise EnvironmentFailure(f"no environment is called {group!r}; choose one of {known}")
    if not _is_current(group, requirements):
        with _lock():
            if not _is_current(group, requirements):
                _build(group, requirements)
    return python_of(group)


def _stamp(group: str) -> Path:
    return REPO / ".venv" / group / ".built-from"


def _description(requirements: Path) -> str:
    """What an environment is an image of; it cannot be moved, so its place counts too."""
    return f"{hashlib.sha256(requirements.read_bytes()).hexdigest()} {PYTHON_VERSION} {REPO}\n"


def _is_current(group: str, requirements: Path) -> bool:
    try:
        return _stamp(group).read_text(encoding="utf-8") == _description(requirements)
    except FileNotFoundError:
        return False


@contextmanager
def _lock() -> Iterator[None]:
    import fcntl

    try:
        (REPO / ".venv").mkdir(exist_ok=True)
        lock = (REPO / ".venv" / ".lock").open("w", encoding="utf-8")
    except PermissionError as error:
        raise EnvironmentFailure(f"cannot write {error.filename}: run once as the owner of {REPO}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another command is building environments; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(group: str, requirements: Path) -> None:
    home = REPO / ".venv" / group
    unfinished = REPO / ".venv" / f".{group}.unfinished"
    uv = _uv() if group != "uv" else None
    _stamp(group).unlink() if _stamp(group).exists() else None
    if unfinished.exists():
        shutil.rmtree(home, ignore_errors=True)
    unfinished.touch()
    if uv is None:
        _build_with_pip(home, requirements)
    else:
        _build_with_uv(uv, group, home, requirements)
    _stamp(group).write_text(_description(requirements), encoding="utf-8")
    unfinished.unlink()


def _uv() -> Path:
    requirements = REPO / "requirements" / "uv.txt"
    if not _is_current("uv", requirements):
        _build("uv", requirements)
    return REPO / ".venv" / "uv" / "bin" / "uv"


def _build_with_pip(home: Path, requirements: Path) -> None:
    _say(f"installing {requirements.stem} (once)")
    shutil.rmtree(home, ignore_errors=True)
    _call(
        [sys.executable, "-m", "venv", str(home)],
        "this Python cannot make virtual environments; install the venv module (Debian: python3-venv)",
    )
    _call(
        [
            str(home / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "-r",
            str(requirements),
        ],
        "see the message above; a package index must be reachable (PIP_INDEX_URL names another one)",
    )


def _build_with_uv(uv: Path, group: str, home: Path, requirements: Path) -> None:
    _say(f"installing the {group!r} environment from {requirements.relative_to(REPO)}")
    if not _runs(python_of(group)):
        _call(
            [str(uv), "venv", "--quiet", "--clear", "--python", PYTHON_VERSION, str(home)],
            f"Python {PYTHON_VERSION} is neither here nor downloadable; install it and repeat",
        )
    _call(
        [
            str(uv),
            "pip",
            "sync",
            "--require-hashes",
            "--compile-bytecode",
            "--python",
            str(python_of(group)),
            str(requirements),
        ],
        "see the message above; repeat the command to continue (UV_INDEX_URL names another package index)",
    )


def _runs(python: Path) -> bool:
    """Whether this interpreter starts and is of our version; one whose base was uninstalled is not."""
    if not python.exists():
        return False
    probe = [str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    return subprocess.run(probe, capture_output=True, text=True, check=False).stdout.strip() == PYTHON_VERSION


def _call(command: list[str], hint: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(command, stdout=sys.stderr, env=environment, check=False)
    if done.returncode:
        raise EnvironmentFailure(f"`{' '.join(command)}` failed with exit code {done.returncode}: {hint}")


def _say(message: str) -> None:
    print(f"lake: {message}", file=sys.stderr, flush=True)
