"""Order flow that looks like a market.

Each security has a latent price that diffuses with its volatility and is shared by the venues that list it; each listing
has a half-spread that reverts to its mean. Passive orders are placed around the latent price at geometrically distributed
distances, aggressive ones take the other side more often when it is mispriced, sides come in runs, and what is stale gets
cancelled first. Arrivals cluster after trades (a self-exciting process).
"""

from __future__ import annotations

import math
from random import Random

from ingestion.exchange.book import BUY, MARKET, SELL, Order
from ingestion.exchange.events import party, terms
from ingestion.exchange.listing import Listing
from ingestion.exchange.reference import Reference, Security

TRADING_SECONDS_A_YEAR = 252 * 6.5 * 3600
TARGET_ORDERS = 70
"""Resting orders per listing around which cancellations balance arrivals."""
PICKS = 2048

_TERMS = {
    (side, market, immediate): terms(side, market, immediate)
    for side in (BUY, SELL)
    for market in (False, True)
    for immediate in (False, True)
}


class Latent:
    """The price, in ticks, that the market is looking for."""

    __slots__ = ("_seen", "_sigma", "price")

    def __init__(self, security: Security) -> None:
        self.price = float(security.price / security.tick)
        self._sigma = security.volatility / math.sqrt(TRADING_SECONDS_A_YEAR * 1e6)
        self._seen = 0.0

    def at(self, elapsed: float, random: Random) -> float:
        """The price after the time that has passed; `elapsed` is in microseconds and never falls."""
        if elapsed > self._seen:
            move = self._sigma * math.sqrt(elapsed - self._seen) * random.gauss(0.0, 1.0)
            self.price = max(50.0, self.price * math.exp(move))
            self._seen = elapsed
        return self.price


class _Stall:
    """What the flow remembers of one listing."""

    __slots__ = ("half_spread", "latent", "listing", "mean_half_spread", "side")

    def __init__(self, listing: Listing, latent: Latent) -> None:
        self.listing = listing
        self.latent = latent
        self.mean_half_spread = self.half_spread = max(0.8, latent.price * 0.00015)
        self.side = BUY


class Flow:
    """Decides who does what next; every decision comes from one random generator."""

    def __init__(self, reference: Reference, random: Random) -> None:
        self._random = random
        self._reference = reference
        self._latents = {symbol: Latent(security) for symbol, security in reference.securities.items()}
        self._parties = [party(account) for account in reference.accounts]
        self._picks: list[_Stall] = []

    def trade_on(self, listings: list[Listing]) -> None:
        """Turn to the empty books of a new session."""
        weights = [self._reference.securities[listing.symbol].weight for listing in listings]
        stalls = [_Stall(listing, self._latents[listing.symbol]) for listing in listings]
        self._picks = self._random.choices(stalls, weights, k=PICKS - len(stalls)) + stalls

    def act(self, elapsed: float) -> int:
        """One decision of one participant; returns the number of fills."""
        random = self._random.random
        stall = self._picks[int(random() * PICKS)]
        listing = stall.listing
        if listing.halted:
            return 0
        latent = stall.latent.at(elapsed, self._random)
        stall.half_spread += 0.05 * (stall.mean_half_spread - stall.half_spread) + 0.08 * stall.mean_half_spread * (
            random() - 0.5
        )
        resting, choice = listing.book.resting, random()
        crowd = len(resting) / TARGET_ORDERS
        if choice < 0.14 * min(1.0, 2 * crowd):
            return self._take(stall, latent)
        if choice < 0.14 + 0.28 * crowd and resting:
            listing.cancel(self._stale(resting, latent))
            return 0
        if choice > 0.92 and resting:
            return self._change(stall, resting, latent)
        return self._make(stall, latent)

    def act_quietly(self) -> None:
        """A decision that publishes exactly one event: an order deep in the book, or one that is refused."""
        while (stall := self._picks[int(self._random.random() * PICKS)]).listing.halted:
            pass
        listing = stall.listing
        bid = listing.book.best(BUY)
        if bid is None or bid < 10:
            listing.reject(self._order(stall, BUY, max(1, int(stall.latent.price)), 1, immediate=False))
        else:
            listing.submit(self._order(stall, BUY, bid - 5, listing.lot, immediate=False), immediate=False)

    def _order(self, stall: _Stall, side: int, price: int, quantity: int, *, immediate: bool) -> Order:
        words = _TERMS[side, price == MARKET, immediate]
        owner = self._parties[int(self._random.random() * len(self._parties))]
        return Order(stall.listing.tape.new_id("O"), side, price, quantity, terms=words, party=owner)

    def _quantity(self, listing: Listing, mean_lots: float) -> int:
        random = self._random.random
        if random() < 0.04:
            return 1 + int(random() * (listing.lot - 1))
        return listing.lot * min(40, 1 + int(-math.log(1.0 - random()) * mean_lots))

    def _side(self, stall: _Stall, latent: float) -> int:
        bid, ask = stall.listing.book.best(BUY), stall.listing.book.best(SELL)
        lean = 0.0
        if bid is not None and ask is not None:
            lean = max(-0.35, min(0.35, 0.2 * (latent - (bid + ask) / 2) / stall.half_spread))
        run = 0.12 if stall.side == BUY else -0.12
        return BUY if self._random.random() < 0.5 + lean + run else SELL

    def _make(self, stall: _Stall, latent: float) -> int:
        random = self._random.random
        listing = stall.listing
        side = BUY if random() < 0.5 else SELL
        away = stall.half_spread * (1.0 - 1.2 * math.log(1.0 - random())) if random() < 0.9 else 0.4 * stall.half_spread
        price = math.floor(latent - away) if side == BUY else math.ceil(latent + away)
        if random() < 0.004:
            listing.reject(
                self._order(
                    stall, side, max(1, int(latent * (1.5 if side == BUY else 0.5))), listing.lot, immediate=False
                )
            )
            return 0
        order = self._order(stall, side, max(1, price), self._quantity(listing, 2.5), immediate=False)
        return listing.submit(order, immediate=False)

    def _take(self, stall: _Stall, latent: float) -> int:
        random = self._random.random
        listing, kind = stall.listing, random()
        side = stall.side = self._side(stall, latent)
        best = listing.book.best(SELL if side == BUY else BUY)
        quantity = self._quantity(listing, 2.8)
        if kind < 0.4 or best is None:
            return listing.submit(self._order(stall, side, MARKET, quantity, immediate=True), immediate=True)
        immediate = kind < 0.75
        return listing.submit(self._order(stall, side, best, quantity, immediate=immediate), immediate=immediate)

    def _stale(self, resting: list[Order], latent: float) -> Order:
        random, size = self._random.random, len(resting)
        one, other = resting[int(random() * size)], resting[int(random() * size)]
        return one if abs(one.price - latent) > abs(other.price - latent) else other

    def _change(self, stall: _Stall, resting: list[Order], latent: float) -> int:
        random = self._random.random
        order = self._stale(resting, latent)
        if random() < 0.35 and order.leaves > 1:
            return stall.listing.replace(order, order.price, order.filled + max(1, order.leaves // 2))
        if random() < 0.4:
            return stall.listing.replace(order, order.price, order.quantity + stall.listing.lot)
        away = stall.half_spread * (1.0 - 0.8 * math.log(1.0 - random()))
        price = math.floor(latent - away) if order.side == BUY else math.ceil(latent + away)
        return stall.listing.replace(order, max(1, price), order.quantity)
