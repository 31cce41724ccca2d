"""The simulation's clock: sessions open and close, halts come and go, and order flow arrives in between."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from functools import partial
from random import Random

from ingestion.exchange.events import Scribe
from ingestion.exchange.flow import Flow
from ingestion.exchange.listing import Listing, Tape
from ingestion.exchange.options import RunOptions
from ingestion.exchange.reference import Reference, reference
from ingestion.exchange.sessions import SECOND, Session, expected_elapsed, sessions

HALTS_A_SESSION = 2
NEARLY_DONE = 2000
"""Events before a run's count from which the size of the next decision is looked at."""
SWING = 0.35
"""How much busier than average the open and the close are, and how much quieter noon is."""
EXCITEMENT = 0.25
"""How much one trade raises the intensity of arrivals."""
CALM_AFTER = 40.0
"""Decisions after which that excitement has mostly gone."""


class Engine:
    """Produces the events of one run; a pure function of its options, however it is driven."""

    def __init__(self, options: RunOptions, data: Reference | None = None) -> None:
        self.options = options
        self.tape = Tape(options.prefix)
        self.elapsed = 0.0
        """Session time of the next decision, in microseconds since the run started."""
        self.finished = False
        self.listings: dict[tuple[str, str], Listing] = {}
        self._reference = data or reference()
        self._random = Random(options.seed)
        self._flow = Flow(self._reference, self._random)
        self._sessions = sessions(options, self._reference.venues[0])
        self._end = math.inf if options.duration_s is None else options.duration_s * options.speed * SECOND
        self._expected = expected_elapsed(options)
        self._gap = options.speed * SECOND / options.rate
        self._events_an_action = 2.2
        self._excitement = 0.0
        self._tickets = itertools.count()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._session = self._upcoming = next(self._sessions)
        """The session under way, and the one that is due next; the same one until it begins."""

    def run(self, until: float, present: int | None = None, most: int = 1 << 30) -> None:
        """Produce what happens up to a moment.

        Args:
            until: Session time, in microseconds since the run started.
            present: Microseconds since the epoch that no event may lie after; None for no such limit.
            most: New events after which to pause.
        """
        stop = self.tape.written + most
        if present is not None:
            until = min(until, self._upcoming.begin + present - self._upcoming.ts)
        while not self.finished and self.elapsed <= until and self.tape.written < stop:
            if self._upcoming.begin > self._session.begin or not self.listings:
                if present is not None and self._upcoming.ts > present:
                    return
                self._begin(self._upcoming)
            else:
                self._step()

    def finish(self) -> None:
        """Close the venues and end the run."""
        if self.listings and not self.finished:
            self._announce("closed")
        self.finished = True

    def _step(self) -> None:
        due = self._agenda[0][0] if self._agenda else math.inf
        limit = min(self._session.end, self._end)
        if min(due, limit) <= self.elapsed:
            if due <= limit:
                self.elapsed = max(self.elapsed, due)
                heapq.heappop(self._agenda)[2]()
            else:
                self._end_session()
        elif self._left_to_count() <= 0:
            self.finish()
        else:
            self._act(min(due, limit))

    def _left_to_count(self) -> int:
        if self.options.count is None:
            return NEARLY_DONE
        return self.options.count - len(self._reference.venues) - self.tape.written

    def _act(self, horizon: float) -> None:
        self._catch_up()
        before = self.tape.written
        if self._must_be_quiet():
            self._flow.act_quietly()
            fills = 0
        else:
            fills = self._flow.act(self.elapsed)
        self._excitement = min(3.0, self._excitement * (1 - 1 / CALM_AFTER) + EXCITEMENT * fills)
        self._events_an_action += 0.002 * (self.tape.written - before - self._events_an_action)
        self.elapsed = min(horizon, self.elapsed + self._wait())

    def _must_be_quiet(self) -> bool:
        left = self._left_to_count()
        if left >= NEARLY_DONE:
            return False
        fills = max(len(listing.book.resting) for listing in self.listings.values())
        steps_a_fill = 3  # a trade, and a step of both orders
        return left < steps_a_fill * fills + 4

    def _wait(self) -> float:
        intensity = self._season() * (1.0 + self._excitement) / (1.0 + 0.14 * EXCITEMENT * CALM_AFTER)
        mean = self._gap * self._events_an_action / intensity
        behind = (self._target() + 500) / (self.tape.written + 500)
        return -math.log(1.0 - self._random.random()) * mean * max(0.3, min(3.0, behind**-6))

    def _share(self) -> float:
        return (self.elapsed - self._session.begin) / (self._session.end - self._session.begin)

    def _season(self) -> float:
        return 1.0 + SWING * math.cos(2 * math.pi * self._share())

    def _target(self) -> float:
        """Events that the rate asks for by now, with the day's busy open and close counted in."""
        length = self._session.end - self._session.begin
        extra = SWING * length / (2 * math.pi) * math.sin(2 * math.pi * self._share())
        return (self.elapsed + extra) / self._gap

    def _begin(self, session: Session) -> None:
        self._session = session
        self.elapsed = max(self.elapsed, session.begin)
        self.tape.now = max(self.tape.now, session.ts)
        self.listings = {(venue, symbol): self._listing(venue, symbol) for venue, symbol in self._reference.listings}
        self._flow.trade_on(list(self.listings.values()))
        self._announce("pre_open")
        self._plan(session.open, self._open)
        length = session.end - session.open
        for _ in range(HALTS_A_SESSION):
            listing = self._random.choice(list(self.listings.values()))
            start = session.open + length * self._random.uniform(0.1, 0.8)
            self._plan(start, partial(self._halt, listing, True))
            self._plan(start + 0.04 * length, partial(self._halt, listing, False))
        self.elapsed = max(self.elapsed, float(session.open))

    def _listing(self, venue: str, symbol: str) -> Listing:
        security = self._reference.securities[symbol]
        return Listing(venue, symbol, security.lot, Scribe(venue, symbol, self._session.day, security.tick), self.tape)

    def _end_session(self) -> None:
        self._agenda.clear()
        self._catch_up()
        if self._session.end >= self._end:
            self.finish()
            return
        self._announce("closed")
        self._upcoming = next(self._sessions)

    def _plan(self, at: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._tickets), what))

    def _announce(self, status: str) -> None:
        for venue in self._reference.venues:
            if self.options.count is not None and self.tape.written >= self.options.count:
                return
            scribe = Scribe(venue.venue, "*", self._session.day, next(iter(self._reference.securities.values())).tick)
            self.tape.status.append(scribe.status(self.tape.new_id("S"), self.tape.stamp(), status))

    def _catch_up(self) -> None:
        self.tape.now = max(self.tape.now, self._session.ts_at(self.elapsed))

    def _open(self) -> None:
        self._catch_up()
        self._announce("open")

    def _halt(self, listing: Listing, halted: bool) -> None:
        self._catch_up()
        listing.halted = halted
        status = "halted" if halted else "open"
        self.tape.status.append(listing.scribe.status(self.tape.new_id("S"), self.tape.stamp(), status))
