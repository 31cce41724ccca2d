"""Follows a ledger as it grows: how many events, and what they say about one symbol."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from ingestion.exceptions import LedgerError
from ingestion.exchange.ledger import Kind, Ledger

if TYPE_CHECKING:
    from pathlib import Path

TRADES_SHOWN = 8


class _Event(msgspec.Struct, gc=False):
    type: str
    venue: str
    symbol: str
    event_ts: str
    price: Decimal | None = None
    quantity: int = 0
    leaves_quantity: int = 0
    order_id: str = ""
    side: str = ""
    aggressor_side: str = ""


class Trade(msgspec.Struct, frozen=True):
    """A trade as the view shows it."""

    at: str
    venue: str
    symbol: str
    side: str
    price: Decimal
    quantity: int


class Tape:
    """What the ledger holds from now on.

    Args:
        directory: The ledger's directory.
        symbol: Symbol whose book is kept, over all venues, from the orders that come from now on.
    """

    def __init__(self, directory: Path, symbol: str) -> None:
        self.symbol = symbol
        self.events = 0
        """Events published since this was made."""
        self.trades: deque[Trade] = deque(maxlen=TRADES_SHOWN)
        """The latest trades of all symbols."""
        self.detailed = False
        """Whether events are looked into, which costs time that a mere count does not."""
        self._orders: dict[str, _Event] = {}
        self._mark = f'"symbol":"{symbol}"'.encode()
        self._decoder = msgspec.json.Decoder(_Event)
        ledger = Ledger(directory)
        segments = ledger.segments()
        if not segments:
            raise LedgerError(f"no ledger in {directory}; start the exchange (`lake up`) first")
        self._cursor = ledger.cursor(ledger.start(segments[-1]))
        while self._cursor.read():
            pass

    def read(self) -> int:
        """Take in what is new; returns how many events that is."""
        fresh = 0
        while blocks := self._cursor.read():
            for block in blocks:
                if block.kind != Kind.EVENTS:
                    continue
                fresh += block.size
                if self.detailed:
                    self._look(block.channel, block.events())
        self.events += fresh
        return fresh

    def depth(self, side: str, levels: int) -> list[tuple[Decimal, int]]:
        """The best (price, shares) of a side of the symbol's book over all venues, best first."""
        shares: dict[Decimal, int] = {}
        for order in self._orders.values():
            if order.side == side and order.price is not None:
                shares[order.price] = shares.get(order.price, 0) + order.leaves_quantity
        return sorted(shares.items(), reverse=side == "buy")[:levels]

    def _look(self, channel: str, events: list[bytes]) -> None:
        if channel == "trades":
            self.trades.extend(map(self._trade, events[-TRADES_SHOWN:]))
        elif channel == "orders":
            for event in events:
                if self._mark in event:
                    self._keep(self._decoder.decode(event))

    def _trade(self, event: bytes) -> Trade:
        found = self._decoder.decode(event)
        price = found.price or Decimal(0)
        return Trade(found.event_ts[11:23], found.venue, found.symbol, found.aggressor_side, price, found.quantity)

    def _keep(self, order: _Event) -> None:
        if order.leaves_quantity and order.price is not None:
            self._orders[order.order_id] = order
        else:
            self._orders.pop(order.order_id, None)
