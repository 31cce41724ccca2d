"""What a venue does with the orders of one security: matches them and publishes each consequence."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingestion.exchange.book import Order, OrderBook
from ingestion.exchange.events import Clock, Scribe


@dataclass
class Tape:
    """Where events are written, in order, until they are taken away; also the source of timestamps and ids."""

    prefix: str
    """Start of every order, trade, quote and status id; unique to the run."""
    now: int = 0
    """Microseconds since the epoch of the last event."""
    events: dict[str, list[str]] = field(
        default_factory=lambda: {"trades": [], "orders": [], "quotes": [], "status": []}
    )
    taken: int = 0
    _ids: int = 0
    _clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.trades, self.orders = self.events["trades"], self.events["orders"]
        self.quotes, self.status = self.events["quotes"], self.events["status"]

    @property
    def written(self) -> int:
        """Events since the start of the run."""
        return self.taken + len(self.trades) + len(self.orders) + len(self.quotes) + len(self.status)

    def stamp(self) -> str:
        """A timestamp after all earlier ones."""
        self.now += 1
        return self._clock.text(self.now)

    def new_id(self, kind: str) -> str:
        """An id that no other order, trade, quote or status message of this lake has."""
        self._ids += 1
        return f"{self.prefix}{kind}{self._ids}"

    def take(self) -> dict[str, str]:
        """The events of each channel that has some, one per line, in the order they happened; forgets them."""
        batch = {channel: "\n".join(events) for channel, events in self.events.items() if events}
        self.taken = self.written
        for events in self.events.values():
            events.clear()
        return batch


class Listing:
    """One security on one venue during one trading day."""

    __slots__ = ("_quote", "book", "halted", "lot", "scribe", "symbol", "tape", "venue")

    def __init__(self, venue: str, symbol: str, lot: int, scribe: Scribe, tape: Tape) -> None:
        self.venue = venue
        self.symbol = symbol
        self.lot = lot
        self.scribe = scribe
        self.tape = tape
        self.book = OrderBook()
        self.halted = False
        self._quote = self.book.quote()

    def submit(self, order: Order, immediate: bool) -> int:
        """Accept an order, trade what crosses, then rest or cancel what is left; returns the number of fills."""
        self._publish(order, "new")
        fills = self._trade(order)
        if order.filled < order.quantity:
            if immediate:
                self.tape.orders.append(self.scribe.order(order, "cancelled", self.tape.stamp(), order.filled, 0))
            else:
                self.book.rest(order)
        self._publish_quote()
        return fills

    def reject(self, order: Order) -> None:
        """Refuse an order; it never reaches the book."""
        self.tape.orders.append(self.scribe.order(order, "rejected", self.tape.stamp(), 0, 0))

    def cancel(self, order: Order) -> None:
        """Cancel what is left of a resting order."""
        self.book.cancel(order)
        self.tape.orders.append(self.scribe.order(order, "cancelled", self.tape.stamp(), order.filled, 0))
        self._publish_quote()

    def replace(self, order: Order, price: int, quantity: int) -> int:
        """Change a resting order; returns the number of fills.

        Only a smaller quantity at the same price keeps the place in the queue. `quantity` must exceed what is filled.
        """
        if price == order.price and quantity <= order.quantity:
            self.book.reduce(order, quantity)
            self._publish(order, "replaced")
            self._publish_quote()
            return 0
        self.book.cancel(order)
        order.price, order.quantity = price, quantity
        self._publish(order, "replaced")
        fills = self._trade(order)
        if order.filled < order.quantity:
            self.book.rest(order)
        self._publish_quote()
        return fills

    def _trade(self, incoming: Order) -> int:
        tape, scribe, filled = self.tape, self.scribe, incoming.filled
        fills = self.book.match(incoming)
        for fill in fills:
            filled += fill.quantity
            tape.trades.append(scribe.trade(tape.new_id("T"), tape.stamp(), incoming, fill))
            self._publish_fill(fill.resting, fill.resting.filled)
            self._publish_fill(incoming, filled)
        return len(fills)

    def _publish_fill(self, order: Order, filled: int) -> None:
        leaves = order.quantity - filled
        status = "partially_filled" if leaves else "filled"
        self.tape.orders.append(self.scribe.order(order, status, self.tape.stamp(), filled, leaves))

    def _publish(self, order: Order, status: str) -> None:
        self.tape.orders.append(self.scribe.order(order, status, self.tape.stamp(), order.filled, order.leaves))

    def _publish_quote(self) -> None:
        quote = self.book.quote()
        if quote != self._quote:
            self._quote = quote
            self.tape.quotes.append(self.scribe.quote(self.tape.new_id("Q"), self.tape.stamp(), quote))
