"""What the lake runs: one `Service` per process, described here, supervised by `stack.supervision`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from stack.exceptions import ServiceDefinitionError


def nothing() -> None:
    """A hook with nothing to do."""


@dataclass(frozen=True)
class File:
    """A rendered configuration file; a change of any of a service's files restarts that service alone."""

    path: Path
    text: str
    mode: int = 0o644
    """Use 0o600 where the text holds a secret."""


@dataclass(frozen=True)
class Service:
    """One supervised process, and everything `lake up` needs to know to start, probe and heal it.

    The process runs in the foreground, logs to stdout or stderr, ends on `stop_signal`, and survives `kill -9`:
    the supervisor starts it again, whatever state it left behind.
    """

    name: str
    command: tuple[str, ...]
    """Absolute program and its arguments. Never put a secret here: anyone can list a process's arguments."""
    ready: Callable[[], str | None]
    """Real probe: None when the service does its work now, else why not, in a few words. It must not block for long
    (use timeouts of 2 s or so); whatever it raises counts as "not ready" with the exception as the reason."""
    after: tuple[str, ...] = ()
    """Names of services that must be ready before this one starts."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment of `lake up`, with `LAKE_*` already set for the same lake."""
    cwd: Path | None = None
    """Working directory; the lake's `run/<name>` by default."""
    files: tuple[File, ...] = ()
    """Configuration written before the start."""
    prepare: Callable[[], None] = nothing
    """Idempotent work while the service is stopped, such as formatting its storage."""
    settle: Callable[[], None] = nothing
    """Idempotent work once it is ready and before dependents start, such as creating a database. Runs at each `up`."""
    memory_budget_mb: int = 256
    """Resident memory that the service is meant to stay under."""
    ports: tuple[str, ...] = ()
    """Listeners it opens, as named in `stack.settings.PORT_OFFSETS`."""
    url: str = ""
    """Where a person or a program finds it; shown by `lake status`."""
    ready_within_s: float = 300.0
    """Longest wait for `ready` before `up` gives up on it."""
    stop_signal: str = "TERM"
    stop_within_s: int = 30
    """Grace between the stop signal and SIGKILL."""

    @property
    def fingerprint(self) -> str:
        """Digest of all that decides how the process behaves; a new one means a restart."""
        described = [
            self.command,
            sorted(self.env.items()),
            str(self.cwd),
            [(str(file.path), file.text, file.mode) for file in self.files],
            self.stop_signal,
        ]
        return hashlib.sha256(json.dumps(described).encode()).hexdigest()[:16]


def in_start_order(services: Iterable[Service]) -> list[Service]:
    """Services sorted so that each follows those it starts `after`.

    Raises:
        ServiceDefinitionError: two services share a name, one waits for an unknown name, or they wait for each other.
    """
    by_name: dict[str, Service] = {}
    for service in services:
        if service.name in by_name:
            raise ServiceDefinitionError(f"two services are named {service.name!r}; rename one of them")
        by_name[service.name] = service
    for service in by_name.values():
        if unknown := set(service.after) - set(by_name):
            raise ServiceDefinitionError(f"service {service.name!r} starts after unknown {', '.join(sorted(unknown))}")
    try:
        order = TopologicalSorter({name: service.after for name, service in by_name.items()}).static_order()
        return [by_name[name] for name in order]
    except CycleError as error:
        raise ServiceDefinitionError(f"services wait for each other: {' -> '.join(error.args[1])}") from error


def start_depths(services: Iterable[Service]) -> dict[str, int]:
    """How many services each one waits for, counted along its longest chain."""
    depths: dict[str, int] = {}
    for service in in_start_order(services):
        depths[service.name] = 1 + max((depths[name] for name in service.after), default=-1)
    return depths
