"""A limit order book with price-time priority for one security on one venue.

Prices are whole ticks. A price level is a queue of orders in the order they arrived; cancelling marks an order as gone
in constant time, and the queue forgets it when it reaches the front or when most of the queue is gone.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

BUY, SELL = 0, 1
MARKET = 0
"""Price of an order that takes any price."""


class Order:
    """One order, resting or incoming. `price` is in ticks, 0 for market orders."""

    __slots__ = ("filled", "number", "order_id", "party", "price", "quantity", "resting_at", "side", "terms", "version")

    def __init__(
        self, order_id: str, side: int, price: int, quantity: int, *, terms: str = "", party: str = ""
    ) -> None:
        self.order_id = order_id
        self.side = side
        self.price = price
        self.quantity = quantity
        self.filled = 0
        self.version = 0
        """Steps of the order's life that were published."""
        self.terms = terms
        self.party = party
        self.number = 0
        """Ticket of the queue entry that stands for the order now; entries with older tickets are dead."""
        self.resting_at = -1
        """Index in `OrderBook.resting`, or -1."""

    @property
    def leaves(self) -> int:
        """Shares still open."""
        return self.quantity - self.filled


class Fill(NamedTuple):
    """One match of an incoming order with a resting one."""

    resting: Order
    price: int
    quantity: int


class Quote(NamedTuple):
    """Best bid and offer in ticks and shares; None and 0 where a side is empty."""

    bid: int | None
    bid_quantity: int
    ask: int | None
    ask_quantity: int


class _Level:
    __slots__ = ("live", "quantity", "queue")

    def __init__(self) -> None:
        self.queue: deque[tuple[Order, int]] = deque()
        self.quantity = 0
        self.live = 0


class OrderBook:
    """Bids and offers of one listing.

    Levels are keyed by price for offers and by minus the price for bids, so that the best key is the smallest on both sides.
    """

    __slots__ = ("_best", "_levels", "_tickets", "resting")

    def __init__(self) -> None:
        self._levels: tuple[dict[int, _Level], dict[int, _Level]] = ({}, {})
        self._best: list[int | None] = [None, None]
        self._tickets = 0
        self.resting: list[Order] = []
        """All resting orders, in no particular order."""

    def best(self, side: int) -> int | None:
        """Best price of a side, in ticks, or None when it is empty."""
        key = self._best[side]
        return key if key is None or side == SELL else -key

    def quote(self) -> Quote:
        """The best bid and offer."""
        bid, ask = self._best
        return Quote(
            None if bid is None else -bid,
            0 if bid is None else self._levels[BUY][bid].quantity,
            ask,
            0 if ask is None else self._levels[SELL][ask].quantity,
        )

    def depth(self, side: int, levels: int) -> list[tuple[int, int]]:
        """The best (price in ticks, shares) of a side, best first."""
        keys = sorted(self._levels[side])[:levels]
        return [(key if side == SELL else -key, self._levels[side][key].quantity) for key in keys]

    def match(self, incoming: Order) -> list[Fill]:
        """Trade an incoming order against the other side, best price first and oldest order first within a price."""
        other = SELL if incoming.side == BUY else BUY
        levels, fills = self._levels[other], []
        limit = incoming.price if other == SELL else -incoming.price
        while (best := self._best[other]) is not None and incoming.quantity > incoming.filled:
            if limit and best > limit:
                break
            price = best if other == SELL else -best
            fills += self._match_level(levels[best], price, incoming)
            if not levels[best].live:
                self._drop_level(other, best)
        return fills

    def _match_level(self, level: _Level, price: int, incoming: Order) -> list[Fill]:
        queue, fills = level.queue, []
        while level.live and (wanted := incoming.quantity - incoming.filled):
            resting, ticket = queue[0]
            if resting.number != ticket:
                queue.popleft()
                continue
            quantity = min(wanted, resting.quantity - resting.filled)
            incoming.filled += quantity
            resting.filled += quantity
            level.quantity -= quantity
            fills.append(Fill(resting, price, quantity))
            if resting.filled == resting.quantity:
                queue.popleft()
                level.live -= 1
                self._forget(resting)
        return fills

    def rest(self, order: Order) -> None:
        """Queue what is left of a limit order that no longer crosses the book."""
        key = order.price if order.side == SELL else -order.price
        levels = self._levels[order.side]
        if (level := levels.get(key)) is None:
            level = levels[key] = _Level()
            best = self._best[order.side]
            if best is None or key < best:
                self._best[order.side] = key
        self._tickets += 1
        order.number = self._tickets
        level.queue.append((order, self._tickets))
        level.quantity += order.leaves
        level.live += 1
        order.resting_at = len(self.resting)
        self.resting.append(order)

    def cancel(self, order: Order) -> None:
        """Take a resting order out."""
        key, level = self._locate(order)
        level.quantity -= order.leaves
        level.live -= 1
        self._forget(order)
        if not level.live:
            self._drop_level(order.side, key)
        elif len(level.queue) > 2 * level.live + 8:
            level.queue = deque(entry for entry in level.queue if entry[0].number == entry[1])

    def reduce(self, order: Order, quantity: int) -> None:
        """Lower the quantity of a resting order, which keeps its place in the queue."""
        _, level = self._locate(order)
        level.quantity -= order.quantity - quantity
        order.quantity = quantity

    def _locate(self, order: Order) -> tuple[int, _Level]:
        key = order.price if order.side == SELL else -order.price
        return key, self._levels[order.side][key]

    def _forget(self, order: Order) -> None:
        order.number = 0
        last = self.resting.pop()
        if last is not order:
            self.resting[order.resting_at] = last
            last.resting_at = order.resting_at
        order.resting_at = -1

    def _drop_level(self, side: int, key: int) -> None:
        levels = self._levels[side]
        del levels[key]
        if self._best[side] == key:
            self._best[side] = min(levels) if levels else None
