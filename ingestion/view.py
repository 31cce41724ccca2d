"""Shows a run: a live screen on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Self

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from types import TracebackType

    from ingestion.exchange.runs import Request, Run
    from ingestion.watch import Tape

LINE_EVERY_S = 5.0
RATE_OVER_S = 2.0
LEVELS = 6
STYLES = {"buy": "green", "sell": "red"}


class View:
    """A context that shows a run while it is open.

    Args:
        on: Where to show it.
        request: What was asked for.
        tape: What the exchange publishes.
    """

    def __init__(self, on: Console, request: Request, tape: Tape) -> None:
        self._console = on
        self._request = request
        self._tape = tape
        self._seen: deque[tuple[float, int]] = deque([(time.monotonic(), tape.events)])
        self._said = time.monotonic()
        self._live = Live(console=on, auto_refresh=False, transient=True) if on.is_terminal else None
        tape.detailed = self._live is not None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, run: Run, elapsed_s: float, lag: float | None) -> None:
        """Show how the run stands.

        Args:
            run: The run as last recorded.
            elapsed_s: Seconds since it was asked for.
            lag: Events that the bridge has not written to Kafka yet; None when it does not answer.
        """
        now = time.monotonic()
        self._seen.append((now, self._tape.events))
        while now - self._seen[0][0] > RATE_OVER_S:
            self._seen.popleft()
        if self._live:
            self._live.update(self._screen(run, elapsed_s, lag), refresh=True)
        elif now - self._said > LINE_EVERY_S:
            self._said = now
            self._console.print(self._line(run, elapsed_s, lag), highlight=False, soft_wrap=True)

    def _rate(self) -> float:
        (since, before), (now, events) = self._seen[0], self._seen[-1]
        return (events - before) / (now - since) if now > since else 0.0

    def _share(self, elapsed_s: float) -> float | None:
        """How much of the run is done, 0 to 1; None when only a person ends it."""
        shares = []
        if self._request.count:
            shares.append(self._tape.events / self._request.count)
        if self._request.duration_s:
            shares.append(elapsed_s / self._request.duration_s)
        return min(1.0, max(shares)) if shares else None

    def _line(self, run: Run, elapsed_s: float, lag: float | None) -> str:
        share = self._share(elapsed_s)
        behind = "does not answer" if lag is None else f"is {lag:,.0f} events behind"
        done = "" if share is None else f" {share:4.0%}"
        return f"{elapsed_s:6.1f} s{done}  {run.state}: {self._tape.events:,} events, {self._rate():,.0f}/s, bridge {behind}"

    def _screen(self, run: Run, elapsed_s: float, lag: float | None) -> Group:
        share = self._share(elapsed_s)
        parts = [Text(self._line(run, elapsed_s, lag))]
        if share is not None:
            bar: ProgressBar = ProgressBar(total=1.0, completed=share, width=72)
            return Group(*parts, bar, Columns([self._book(), self._trades()]))
        return Group(*parts, Columns([self._book(), self._trades()]))

    def _book(self) -> Panel:
        table = Table("shares", "price", box=None, pad_edge=False)
        for column in table.columns:
            column.justify = "right"
        for side in ("sell", "buy"):
            levels = self._tape.depth(side, LEVELS)
            for price, shares in reversed(levels) if side == "sell" else levels:
                table.add_row(f"{shares:,}", f"{price}", style=STYLES[side])
        return Panel(table, title=f"{self._tape.symbol}, all venues", width=30, height=2 * LEVELS + 3)

    def _trades(self) -> Panel:
        table = Table("time", "venue", "symbol", "shares", "price", box=None, pad_edge=False)
        for trade in reversed(self._tape.trades):
            row = (trade.at, trade.venue, trade.symbol, f"{trade.quantity:,}", f"{trade.price}")
            table.add_row(*row, style=STYLES[trade.side])
        return Panel(table, title="last trades", width=52, height=2 * LEVELS + 3)
