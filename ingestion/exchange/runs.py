"""Runs that were asked of the exchange: one small file each, replaced atomically, that outlives the process."""

from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from ingestion.exceptions import RunSpecError
from ingestion.exchange.options import RunOptions, run_options
from ingestion.exchange.reference import reference

EPOCH_2020_MS = 1_577_836_800_000
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
State = Literal["queued", "running", "done", "stopped", "failed"]
OVER = ("done", "stopped", "failed")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asked for."""

    rate: float = 2000.0
    duration_s: float | None = None
    count: int | None = None
    seed: int = 1
    speed: float = 1.0
    start_date: str | None = None

    def options(self, now: datetime | None = None) -> RunOptions:
        """The checked options of a run that starts now.

        Raises:
            RunSpecError: an option is out of range.
        """
        return run_options(
            seed=self.seed,
            rate=self.rate,
            speed=self.speed,
            duration_s=self.duration_s,
            count=self.count,
            start_date=self.start_date,
            pre_open=reference().venues[0].pre_open,
            now=now,
        )


class Run(msgspec.Struct, kw_only=True):
    """A run and how far it got."""

    run_id: str
    request: Request
    state: State = "queued"
    attempt: int = 0
    """Times the run was started; more than one after the exchange died in between."""
    events: int = 0
    """Events published by earlier attempts."""
    elapsed_s: float = 0.0
    """Wall seconds' worth of simulation that is done."""
    segment: int = 0
    """With `offset`, the ledger position at which the attempt started."""
    offset: int = 0
    ts: int = 0
    """Simulated time reached, microseconds since the epoch."""
    error: str = ""

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in OVER

    def attempt_options(self, now: datetime | None = None) -> RunOptions:
        """Options of the next attempt: what is left of the run, with ids and random numbers of its own.

        Raises:
            RunSpecError: an option is out of range.
        """
        options = self.request.options(now)
        left = {
            "duration_s": None if options.duration_s is None else max(1e-6, options.duration_s - self.elapsed_s),
            "count": None if options.count is None else options.count - self.events,
        }
        start_us = max(options.start_us, self.ts + 1) if options.calendar else options.start_us
        return msgspec.structs.replace(
            options,
            seed=options.seed + 1_000_003 * self.attempt,
            prefix=f"{self.run_id}.{self.attempt}-",
            start_us=start_us,
            **left,
        )


def _base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = DIGITS[digit] + text
    return text


class RunQueue:
    """The runs of one exchange, oldest first.

    Args:
        directory: The exchange's directory.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "runs"
        self.directory.mkdir(parents=True, exist_ok=True)

    def submit(self, request: Request) -> Run:
        """Queue a run.

        Raises:
            RunSpecError: an option is out of range.
        """
        request.options()
        born = time.time_ns() // 1_000_000 - EPOCH_2020_MS
        while self._path(_base36(born)).exists():
            born += 1
        run = Run(run_id=_base36(born), request=request)
        self.save(run)
        return run

    def save(self, run: Run) -> None:
        """Record a run's progress."""
        path = self._path(run.run_id)
        fresh = path.with_suffix(f".{os.getpid()}.new")
        fresh.write_bytes(msgspec.json.encode(run))
        fresh.replace(path)

    def get(self, run_id: str) -> Run:
        """A run as it was last recorded.

        Raises:
            RunSpecError: there is no such run, or its file cannot be read.
        """
        try:
            return msgspec.json.decode(self._path(run_id).read_bytes(), type=Run)
        except (OSError, msgspec.MsgspecError) as error:
            raise RunSpecError(f"run {run_id} in {self.directory} cannot be read: {error}") from error

    def unfinished(self) -> list[Run]:
        """Runs that still have work, oldest first; one that was under way comes before those that wait."""
        runs = [self.get(path.stem) for path in sorted(self.directory.glob("*.json"))]
        return sorted((run for run in runs if not run.over), key=lambda run: run.state != "running")

    def ask_to_stop(self, run_id: str) -> None:
        """Have the exchange end a run early."""
        self._stop_mark(run_id).touch()

    def should_stop(self, run_id: str) -> bool:
        """Whether somebody asked for that."""
        return self._stop_mark(run_id).exists()

    def end(self, run: Run, state: State, error: str = "") -> None:
        """Record that a run is over."""
        run.state, run.error = state, error
        self.save(run)
        self._stop_mark(run.run_id).unlink(missing_ok=True)

    def _path(self, run_id: str) -> Path:
        return self.directory / f"{run_id}.json"

    def _stop_mark(self, run_id: str) -> Path:
        return self.directory / f"{run_id}.stop"
