"""`lake jobs` and `lake compact`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from stack.settings import Settings, settings
from streaming.compact import compact as compact_tables
from streaming.exceptions import StreamingError, SubmitError
from streaming.flink_rest import MARKET_JOB, FlinkRest, Job
from streaming.keeper import not_working, paused_mark
from streaming.submit import submit_market_job

console = Console()
jobs = typer.Typer(no_args_is_help=True, help="Flink jobs: list, savepoint, cancel, resubmit.")
WORKS_WITHIN_S = 120.0


@jobs.command("list")
def list_jobs() -> None:
    """Show every job with its state and last checkpoint."""
    rest = FlinkRest(settings())
    table = Table("job", "name", "state", "tasks", "since (UTC)", "last checkpoint")
    for job in rest.jobs():
        since = datetime.fromtimestamp(job.started_ms / 1000, UTC)
        tasks = f"{job.tasks_running}/{job.tasks_total}"
        table.add_row(job.job_id, job.name, job.state, tasks, f"{since:%Y-%m-%d %H:%M:%S}", _last_checkpoint(rest, job))
    console.print(table)


def _last_checkpoint(rest: FlinkRest, job: Job) -> str:
    latest: dict[str, Any] | None = rest.checkpoints(job.job_id)["latest"]["completed"]
    if latest is None:
        return "none"
    age = time.time() - latest["latest_ack_timestamp"] / 1000
    size, took = latest["checkpointed_size"] / 1e6, latest["end_to_end_duration"]
    return f"{latest['id']}, {age:.0f} s ago, {size:.1f} MB, took {took} ms"


@jobs.command()
def savepoint() -> None:
    """Write a savepoint of the market job, which goes on."""
    rest = FlinkRest(settings())
    console.print(rest.savepoint(_market(rest).job_id, stop=False), soft_wrap=True)


@jobs.command()
def cancel() -> None:
    """Stop the market job with a savepoint; it stays stopped until `lake jobs resubmit`."""
    lake = settings()
    rest = FlinkRest(lake)
    job = _market(rest)
    paused_mark(lake).touch()
    try:
        console.print(f"stopped; savepoint {rest.savepoint(job.job_id, stop=True)}", soft_wrap=True)
    except StreamingError:
        paused_mark(lake).unlink(missing_ok=True)
        raise


@jobs.command()
def resubmit(
    from_scratch: Annotated[
        bool, typer.Option(help="Start at the topic's beginning when there is no checkpoint; the tables must be empty.")
    ] = False,
) -> None:
    """Stop the market job with a savepoint if it runs, and start it again with the SQL of today."""
    lake = settings()
    rest = FlinkRest(lake)
    job = rest.live_job(MARKET_JOB)
    if job is not None:
        paused_mark(lake).touch()
        console.print(f"stopped; savepoint {rest.savepoint(job.job_id, stop=True)}", soft_wrap=True)
    job_id = submit_market_job(lake, from_scratch=from_scratch)
    paused_mark(lake).unlink(missing_ok=True)
    deadline = time.monotonic() + WORKS_WITHIN_S
    while (reason := not_working(lake)) is not None:
        if time.monotonic() > deadline:
            raise SubmitError(f"job {job_id} was taken, but {reason}; see `lake logs flink-taskmanager`")
        time.sleep(0.25)
    console.print(f"the market job runs as {job_id}")


def _market(rest: FlinkRest) -> Job:
    job = rest.live_job(MARKET_JOB)
    if job is None:
        raise StreamingError("the market job does not run; `lake jobs list` shows what was")
    return job


def compact(
    retention_hours: Annotated[float, typer.Option(help="Age from which snapshots are dropped.", min=0.05)] = 24.0,
) -> None:
    """Merge the raw tables' small files and drop old snapshots; safe beside the running job."""
    lake: Settings = settings()
    for line in compact_tables(lake, retention_hours):
        console.print(line, highlight=False)
