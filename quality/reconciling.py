"""Gathers the layers, waits for events that are still on their way, and reconciles."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from governance.contracts import contracts
from quality import sources
from quality.compare import Layers, Report, reconcile
from quality.until import Until
from stack.settings import Settings

POLL_S = 0.5


def run(lake: Settings, until: Until, wait_s: float, console: Console) -> Report:
    """Reconcile, and while events are still under way, for at most `wait_s` seconds, do it again.

    Raises:
        LayerUnavailableError: a layer does not exist or does not answer.
    """
    deadline = time.monotonic() + wait_s
    if wait_s:
        wait_until_landed(lake, deadline, console)
    while True:
        with console.status("reading ledger, Kafka and Iceberg"):
            report = reconcile(gather(lake, until), tuple(contract.event_type for contract in contracts()))
        if report.ok or time.monotonic() >= deadline:
            return report
        time.sleep(POLL_S)


def gather(lake: Settings, until: Until) -> Layers:
    """Read all layers, the last first, so that a stream that goes on cannot make an early layer look short."""
    facts = sources.facts_layer(lake) if until is Until.FACTS else None
    tables = sources.iceberg_layer(lake)
    bridge_dead, router_dead = sources.dead_layers(lake)
    routed = sources.kafka_layer(lake, "kafka routed", *(contract.topic for contract in contracts()))
    raw = sources.kafka_layer(lake, "kafka market.raw", sources.RAW_TOPIC)
    return Layers(sources.ledger_layer(lake), raw, routed, bridge_dead, router_dead, tables, facts)


def wait_until_landed(lake: Settings, deadline: float, console: Console) -> None:
    """Show progress until the raw tables and dead letters together hold as many events as the ledger.

    Returns at the deadline too, or when duplicates keep the numbers apart and nothing has moved for three checkpoints:
    the comparison that follows tells a difference from a delay.
    """
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("landing in Iceberg", total=None)
        moved, before = time.monotonic(), -1
        while time.monotonic() < min(deadline, moved + 3 * lake.checkpoint_interval_s):
            expected, landed = sources.ledger_size(lake), sources.landed(lake)
            progress.update(bar, completed=landed, total=expected)
            if landed >= expected:
                return
            if landed != before:
                moved, before = time.monotonic(), landed
            time.sleep(POLL_S)
