"""Trading sessions: which day it is, when venues open and close, and how simulated time maps to elapsed session time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ingestion.exchange.options import RunOptions
from ingestion.exchange.reference import Venue

SECOND = 1_000_000
HOUR = 3600 * SECOND


@dataclass(frozen=True)
class Session:
    """One trading day's session.

    `begin`, `open` and `end` are microseconds of session time since the run started: nights and weekends do not count.
    """

    day: str
    ts: int
    """Microseconds since the epoch at `begin`."""
    begin: int
    open: int
    end: int

    def ts_at(self, elapsed: float) -> int:
        """Microseconds since the epoch at a moment of this session."""
        return self.ts + int(elapsed) - self.begin


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND + moment.microsecond


def sessions(options: RunOptions, venue: Venue) -> Iterator[Session]:
    """The sessions of a run, one after the other, without end."""
    return _calendar(options, venue) if options.calendar else _live(options)


def expected_elapsed(options: RunOptions) -> int | None:
    """Session time after which a run should end, or None when only a person ends it."""
    limits = [options.duration_s, None if options.count is None else options.count / options.rate]
    known = [limit for limit in limits if limit is not None]
    return int(min(known) * options.speed * SECOND) if known else None


def _live(options: RunOptions) -> Iterator[Session]:
    ts, begin, limit = options.start_us, 0, expected_elapsed(options)
    while True:
        start = datetime.fromtimestamp(ts / SECOND, UTC)
        midnight = _micros(datetime(start.year, start.month, start.day, tzinfo=UTC) + timedelta(days=1))
        wanted = HOUR if limit is None or limit <= begin else limit - begin
        length = max(1, min(wanted, midnight - ts))
        yield Session(f"{start:%Y-%m-%d}", ts, begin, begin + min(length // 100, SECOND // 2), begin + length)
        ts, begin = ts + length, begin + length


def _calendar(options: RunOptions, venue: Venue) -> Iterator[Session]:
    start, begin = datetime.fromtimestamp(options.start_us / SECOND, UTC), 0
    day = start.date()
    while True:
        first, opening, close = (
            datetime.combine(day, moment, UTC) for moment in (venue.pre_open, venue.open, venue.close)
        )
        if day.weekday() < 5 and start < close:
            first = max(first, start)
            length = _micros(close) - _micros(first)
            before_open = max(0, _micros(opening) - _micros(first))
            yield Session(f"{day:%Y-%m-%d}", _micros(first), begin, begin + before_open, begin + length)
            begin += length
        day += timedelta(days=1)
