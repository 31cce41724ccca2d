"""Asks services whether they do their work, and waits until they do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stack.exceptions import StartError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stack.services import Service
    from stack.settings import Settings
    from stack.supervision import Supervisor

POLL_S = 0.25
DEATHS_TOLERATED = 3
LOG_LINES_SHOWN = 15


def probe(service: Service) -> str | None:
    """None when the service is ready, else why not in one line."""
    try:
        return service.ready()
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def wait_until_ready(service: Service, supervisor: Supervisor, tell: Callable[[str], None]) -> None:
    """Poll the service's own probe; `tell` hears why it is not ready yet.

    Raises:
        StartError: it keeps dying, or is not ready in time; the message holds the end of its log.
    """
    deadline = time.monotonic() + service.ready_within_s
    seen: set[int] = set()
    while (reason := probe(service)) is not None:
        state = supervisor.states().get(service.name)
        if state is not None and state.pid:
            seen.add(state.pid)
        if len(seen) > DEATHS_TOLERATED or (state is not None and state.state == "FATAL"):
            raise StartError(f"{service.name} keeps dying{log_end(supervisor.lake, service.name)}")
        if time.monotonic() > deadline:
            waited = f"was not ready within {service.ready_within_s:.0f} s ({reason})"
            raise StartError(f"{service.name} {waited}{log_end(supervisor.lake, service.name)}")
        tell(reason)
        time.sleep(POLL_S)


def log_path(lake: Settings, name: str) -> Path:
    """Where supervisor writes what the service says."""
    return lake.logs / f"{name}.log"


def log_end(lake: Settings, name: str) -> str:
    """The last lines of a service's log, as the tail of an error message."""
    path = log_path(lake, name)
    if not path.exists():
        return "; it left no log"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    return f"; the end of {path}:\n" + "\n".join(f"  {line}" for line in lines)
