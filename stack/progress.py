"""Shows how a long command gets on: a live table on a terminal, one line per change elsewhere."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

if TYPE_CHECKING:
    from types import TracebackType

    from stack.artefacts import Artefact

STYLES = {"ready": "green", "done": "green", "failed": "bold red", "skipped": "yellow", "waiting": "dim"}
ANNOUNCED_EVERY_S = 5.0

console = Console(stderr=True, highlight=False)


class Board:
    """What each service and step is doing, kept current while `lake up` works."""

    def __init__(self, names: list[str], on: Console = console) -> None:
        self._console = on
        self._rows = dict.fromkeys(names, ("waiting", ""))
        self._began = time.monotonic()
        self._took: dict[str, float] = {}
        self._lock = threading.Lock()
        self._live = Live(get_renderable=self._table, console=on, refresh_per_second=4) if on.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def set(self, name: str, state: str, detail: str = "") -> None:
        """Show that `name` is now in `state`."""
        with self._lock:
            changed = self._rows[name][0] != state
            self._rows[name] = (state, detail)
            if changed:
                self._took[name] = time.monotonic() - self._began
            if changed and not self._live:
                self._console.print(f"{self._took[name]:6.1f} s  {name}: {state}{f' ({detail})' if detail else ''}")

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, show_header=False)
        for name, (state, detail) in list(self._rows.items()):
            took = f"{self._took[name]:.1f} s" if state in ("ready", "done") else ""
            style = STYLES.get(state, "cyan")
            table.add_row(name, f"[{style}]{state}[/]", took, f"[dim]{detail[:90]}[/]")
        return table


class Downloads:
    """Progress of a set of downloads."""

    def __init__(self, artefacts: tuple[Artefact, ...], on: Console = console) -> None:
        self._console = on
        self._have = dict.fromkeys(artefacts, 0)
        self._total = sum(artefact.size for artefact in artefacts)
        self._announced = time.monotonic()
        self._lock = threading.Lock()
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._bar = Progress(*columns, console=on, transient=True) if on.is_terminal else None
        self._task = self._bar.add_task("fetching", total=self._total) if self._bar else None

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def advance(self, artefact: Artefact, size: int) -> None:
        """Note that `size` bytes of the artefact are here."""
        with self._lock:
            self._have[artefact] = size
            have = sum(self._have.values())
            if self._bar and self._task is not None:
                self._bar.update(self._task, completed=have)
            elif time.monotonic() - self._announced > ANNOUNCED_EVERY_S:
                self._announced = time.monotonic()
                self._console.print(f"fetching: {have >> 20:,} of {self._total >> 20:,} MB")
