"""What supervisor starts for Postgres: clears a stale lock, gives up root, becomes the program.

`python -m stack.postgres_process DATA PROGRAM ARGUMENTS...`
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil

from stack.exceptions import LakeError
from stack.unprivileged import give_up_root


def remove_stale_lock(data: Path) -> None:
    """Remove `postmaster.pid` when its process number now belongs to something that is not Postgres on this data.

    Postgres clears the lock of a dead process by itself, but believes a number that was given out again, as happens
    after a restart of the machine. A lock that may still be held stays.
    """
    lock = data / "postmaster.pid"
    try:
        number = int(lock.read_text(encoding="ascii").splitlines()[0])
        process = psutil.Process(number)
        if process.name().startswith("postgres") or Path(process.cwd()) == data:
            return
    except (FileNotFoundError, IndexError, ValueError, psutil.Error):
        return
    if not any(_works_in(other, data) for other in psutil.process_iter()):
        lock.unlink(missing_ok=True)


def _works_in(process: psutil.Process, data: Path) -> bool:
    try:
        return Path(process.cwd()) == data
    except psutil.Error:
        return False


def main(arguments: list[str]) -> int:  # noqa: RET503  # execv never returns
    """Become the program."""
    data, program, *rest = arguments
    try:
        if (Path(data) / "postmaster.pid").exists():
            remove_stale_lock(Path(data))
        give_up_root(Path(data) / "base", Path(program))
    except LakeError as error:
        print(f"lake: {error}", file=sys.stderr)
        return error.exit_code
    os.execv(program, [program, *rest])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
