"""What a run of the simulator is asked to do."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import msgspec

from ingestion.exceptions import RunSpecError

LEAST_COUNT = 20
FRIDAY = 4


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """One run. Equal options give byte-identical events."""

    seed: int = 1
    rate: float = 2000.0
    """Events per second of wall time, on average."""
    speed: float = 1.0
    """Simulated seconds per second of wall time."""
    duration_s: float | None = None
    """Wall seconds that the run lasts; None with a count, or to run until stopped."""
    count: int | None = None
    """Events that the run publishes, exactly, unless the duration ends it before."""
    start_us: int
    """Simulated time at which the run starts, microseconds since the epoch."""
    calendar: bool = False
    """Whether sessions follow the venues' hours from `start_us` on; else one session opens when the run starts."""
    prefix: str = "S"
    """Start of all ids that the run gives out."""


def _positive(name: str, value: float | None) -> None:
    if value is not None and not 0 < value < float("inf"):
        raise RunSpecError(f"--{name} is {value:g}; give a number above zero")


def run_options(
    *,
    seed: int = 1,
    rate: float = 2000.0,
    speed: float = 1.0,
    duration_s: float | None = None,
    count: int | None = None,
    start_date: str | None = None,
    pre_open: time = time(14, 25),
    now: datetime | None = None,
) -> RunOptions:
    """Check what a person asked for, and fix the moment at which simulated time starts.

    Args:
        seed: Start of the random numbers.
        rate: Events per second of wall time.
        speed: Simulated seconds per second of wall time; other than 1 needs a start date.
        duration_s: Wall seconds; None for no limit.
        count: Events; None for no limit.
        start_date: First trading day as YYYY-MM-DD; None to trade now.
        pre_open: When a venue's day starts, UTC.
        now: The present, for tests.

    Raises:
        RunSpecError: an option is out of range, or simulated time would start after the present.
    """
    now = now or datetime.now(UTC)
    for name, value in {"rate": rate, "speed": speed, "duration": duration_s}.items():
        _positive(name, value)
    if count is not None and count < LEAST_COUNT:
        raise RunSpecError(f"--count is {count}; the smallest run is {LEAST_COUNT} events")
    start = now
    if start_date is not None:
        try:
            start = datetime.combine(date.fromisoformat(start_date), pre_open, UTC)
        except ValueError as error:
            raise RunSpecError(f"--start-date {start_date!r} is not a date; write it as YYYY-MM-DD") from error
        while start.weekday() > FRIDAY:
            start += timedelta(days=1)
        if start > now:
            raise RunSpecError(
                f"--start-date {start_date} opens at {start:%Y-%m-%d %H:%M} UTC, in the future; give an earlier date"
            )
    elif speed != 1:
        raise RunSpecError(f"--speed {speed:g} would leave the present; add --start-date with a day in the past")
    return RunOptions(
        seed=seed,
        rate=rate,
        speed=speed,
        duration_s=duration_s,
        count=count,
        start_us=int(start.timestamp() * 1_000_000),
        calendar=start_date is not None,
    )
