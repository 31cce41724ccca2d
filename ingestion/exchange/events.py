"""Turns what happens on a listing into event bytes, as the data contracts describe them.

Events are assembled from text that is constant per listing and per order, which is several times faster than encoding a
fresh object; every value comes from checked reference data or is a number, so nothing needs escaping.
"""

from __future__ import annotations

import time
from decimal import Decimal
from hashlib import blake2b

from ingestion.exchange.book import BUY, MARKET, Fill, Order, Quote
from ingestion.exchange.reference import Account

SOURCE = "exchange-sim"
SIDES = ("buy", "sell")


class Clock:
    """Formats microseconds since the epoch; the text of the current second is kept."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def text(self, micros: int) -> str:
        """`YYYY-MM-DDTHH:MM:SS.ffffffZ`."""
        second, fraction = divmod(micros, 1_000_000)
        if second != self._second:
            self._second = second
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
        return f"{self._text}{fraction:06d}Z"


def terms(side: int, market: bool, immediate: bool) -> str:
    """The part of an order event that says what kind of order it is."""
    kind, life = ("market" if market else "limit"), ("ioc" if immediate else "day")
    return f'"side":"{SIDES[side]}","order_type":"{kind}","time_in_force":"{life}",'


def party(account: Account) -> str:
    """The part of an order event that says whose order it is."""
    return f'"account_id":"{account.account_id}","trader_id":"{account.trader_id}","broker_id":"{account.broker_id}"}}'


class Scribe:
    """Writes the events of one symbol on one venue during one trading day."""

    def __init__(self, venue: str, symbol: str, trading_day: str, tick: Decimal) -> None:
        self._identity = blake2b(digest_size=16)
        self._identity.update(b"\x1f".join(part.encode() for part in (SOURCE, venue, symbol, trading_day)) + b"\x1f")
        self._common = (
            f'","source":"{SOURCE}","venue":"{venue}","symbol":"{symbol}","trading_day":"{trading_day}","event_ts":"'
        )
        self._tick = tick
        self._prices: dict[int, str] = {}

    def event_id(self, own_id: str) -> str:
        """Identity of an event: a hash of source, venue, symbol, trading day and the venue's own id."""
        identity = self._identity.copy()
        identity.update(own_id.encode())
        return identity.hexdigest()

    def price(self, ticks: int) -> str:
        """A price as the contracts want it: a decimal in a string."""
        text = self._prices.get(ticks)
        if text is None:
            text = self._prices[ticks] = str(ticks * self._tick)
        return text

    def order(self, order: Order, status: str, ts: str, filled: int, leaves: int) -> str:
        """The next step of an order's life."""
        order.version += 1
        own_id = f"{order.order_id}-{order.version}"
        price = "" if order.price == MARKET else f'"price":"{self.price(order.price)}",'
        return (
            f'{{"type":"order","event_id":"{self.event_id(own_id)}{self._common}{ts}","order_id":"{order.order_id}",'
            f'"order_version":{order.version},"order_status":"{status}",{order.terms}{price}'
            f'"quantity":{order.quantity},"filled_quantity":{filled},"leaves_quantity":{leaves},{order.party}'
        )

    def trade(self, trade_id: str, ts: str, incoming: Order, fill: Fill) -> str:
        """A fill between an incoming and a resting order."""
        buy, sell = (incoming, fill.resting) if incoming.side == BUY else (fill.resting, incoming)
        return (
            f'{{"type":"trade","event_id":"{self.event_id(trade_id)}{self._common}{ts}","trade_id":"{trade_id}",'
            f'"price":"{self.price(fill.price)}","quantity":{fill.quantity},"buy_order_id":"{buy.order_id}",'
            f'"sell_order_id":"{sell.order_id}","aggressor_side":"{SIDES[incoming.side]}"}}'
        )

    def quote(self, quote_id: str, ts: str, quote: Quote) -> str:
        """A change of the best bid or offer; an empty side is left out."""
        bid = "" if quote.bid is None else f',"bid_price":"{self.price(quote.bid)}","bid_quantity":{quote.bid_quantity}'
        ask = "" if quote.ask is None else f',"ask_price":"{self.price(quote.ask)}","ask_quantity":{quote.ask_quantity}'
        return f'{{"type":"quote","event_id":"{self.event_id(quote_id)}{self._common}{ts}","quote_id":"{quote_id}"{bid}{ask}}}'

    def status(self, status_id: str, ts: str, status: str) -> str:
        """A change of the session's state."""
        return (
            f'{{"type":"status","event_id":"{self.event_id(status_id)}{self._common}{ts}",'
            f'"status_id":"{status_id}","status":"{status}"}}'
        )
