"""What this room adds to the lake: `lake reconcile` and `lake summary`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from quality.until import Until
from stack.rooms import Room
from stack.settings import settings


def reconcile(
    wait: Annotated[float, typer.Option(help="Longest wait, in seconds, for events that are still on their way.")] = 0,
    until: Annotated[Until, typer.Option(help="Last layer to compare: Iceberg raw, or fct_trades.")] = Until.FACTS,
) -> None:
    """Prove that no event was lost, doubled or changed between the feed and the facts; exit 1 with the difference."""
    from quality.reconciling import run
    from quality.render import show

    console = Console()
    report = run(settings(), until, wait, console)
    show(report, console)
    if not report.ok:
        raise typer.Exit(1)


def summary() -> None:
    """Rows and freshness of each layer, the five most traded symbols, and how to query further."""
    from quality.summary import summarize

    summarize(settings(), Console())


ROOM = Room(name="quality", commands={"reconcile": reconcile, "summary": summary})
