"""`lake stream`: asks the exchange for a run and watches it until it is over."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.console import Console

from ingestion.exceptions import RunSpecError, StreamStalledError
from ingestion.exchange.runs import Request, Run, RunQueue
from ingestion.probes import gauge, greeting
from ingestion.view import View
from ingestion.watch import Tape
from stack.settings import Settings, settings

console = Console()
REFRESH_S = 0.25
LAG_EVERY_S = 1.0
STALLED_S = 180.0
"""Without an event for this long, something is wrong that waiting does not cure."""
DEFAULT_DURATION_S = 60.0


def stream(  # noqa: PLR0917 - the parameters are the options of the command
    rate: Annotated[float, typer.Option(help="Events per second of wall time, on average.")] = 2000.0,
    duration: Annotated[float | None, typer.Option(help="Seconds to stream; 60 unless --count is given.")] = None,
    count: Annotated[int | None, typer.Option(help="Events to stream, exactly.")] = None,
    seed: Annotated[int, typer.Option(help="Start of the random numbers; equal seeds trade alike.")] = 1,
    speed: Annotated[float, typer.Option(help="Simulated seconds per second; needs --start-date.")] = 1.0,
    start_date: Annotated[
        str | None, typer.Option(help="First trading day, YYYY-MM-DD in the past; trades now if not given.")
    ] = None,
    symbol: Annotated[str, typer.Option(help="Symbol whose book the live view shows.")] = "HALO",
    stop: Annotated[bool, typer.Option("--stop", help="End the runs that are under way or wait, and leave.")] = False,
) -> None:
    """Have the exchange trade for a while, and watch it; Ctrl-C ends the run early."""
    lake = settings()
    queue = RunQueue(lake.data / "exchange")
    if stop:
        _stop(queue)
        return
    greeting(lake)
    if duration is None and count is None:
        duration = DEFAULT_DURATION_S
    request = Request(rate=rate, duration_s=duration, count=count, seed=seed, speed=speed, start_date=start_date)
    tape = Tape(lake.data / "exchange" / "ledger", symbol)
    run = queue.submit(request)
    try:
        follow(lake, queue, run, tape)
    except KeyboardInterrupt:
        queue.ask_to_stop(run.run_id)
        console.print(f"run {run.run_id} is being stopped", highlight=False)
        raise


def _stop(queue: RunQueue) -> None:
    runs = queue.unfinished()
    for run in runs:
        queue.ask_to_stop(run.run_id)
        console.print(f"run {run.run_id} is being stopped", highlight=False)
    if not runs:
        console.print("nothing is being streamed")


def follow(lake: Settings, queue: RunQueue, run: Run, tape: Tape) -> None:
    """Show a run until it is over.

    Raises:
        RunSpecError: the run failed.
        StreamStalledError: nothing has happened for long.
    """
    started = looked = moved = time.monotonic()
    lag = gauge(lake, "lag_events")
    with View(console, run.request, tape) as view:
        while not (run := queue.get(run.run_id)).over:
            now = time.monotonic()
            if tape.read():
                moved = now
            if now - looked > LAG_EVERY_S:
                looked, lag = now, gauge(lake, "lag_events")
            view.show(run, now - started, lag)
            if now - moved > STALLED_S:
                raise StreamStalledError(
                    f"run {run.run_id} made nothing for {STALLED_S:.0f} s; see `lake status` and `lake logs exchange`, "
                    "or end it with `lake stream --stop`"
                )
            time.sleep(REFRESH_S)
    _conclude(run, time.monotonic() - started)


def _conclude(run: Run, took: float) -> None:
    if run.state == "failed":
        raise RunSpecError(f"run {run.run_id} failed: {run.error}")
    rate = run.events / took if took else 0.0
    console.print(
        f"run {run.run_id} {run.state}: {run.events:,} events in {took:.1f} s ({rate:,.0f} a second)", highlight=False
    )
