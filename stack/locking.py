"""One command at a time changes a lake."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stack.settings import Settings


@contextmanager
def exclusive(lake: Settings, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold the lake against other commands that change it; the system frees it however this process ends."""
    lake.home.mkdir(mode=0o711, parents=True, exist_ok=True)
    with (lake.home / "lock").open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("another command is changing this lake; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
