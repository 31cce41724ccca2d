"""A little market for tests: events with the coordinates that Kafka would have given them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
PARTITIONS = 2


def at(day: date, clock: str) -> datetime:
    """A moment of a day, from HH:MM:SS or HH:MM:SS.ffffff."""
    moment = datetime.fromisoformat(f"{day}T{clock}")
    return moment.replace(tzinfo=UTC)


@dataclass
class Market:
    """Makes events one after the other; ingest time and offsets grow with each."""

    ingest_ts: datetime = field(default_factory=lambda: datetime.now(UTC))
    """Ingest time of the newest event."""
    _numbers: Any = field(default_factory=itertools.count)
    _offsets: list[int] = field(default_factory=lambda: [0] * PARTITIONS)

    def _event(self, symbol: str, day: date, clock: str, **columns: Any) -> Row:
        self.ingest_ts += timedelta(milliseconds=7)
        partition = sum(symbol.encode()) % PARTITIONS
        self._offsets[partition] += 1
        number = next(self._numbers)
        return {
            "event_id": f"{number:032x}",
            "source": "test",
            "venue": "AURX",
            "symbol": symbol,
            "trading_day": day,
            "event_ts": at(day, clock),
            "ingest_ts": self.ingest_ts,
            "kafka_topic": "market.raw",
            "kafka_partition": partition,
            "kafka_offset": self._offsets[partition],
            **columns,
        }

    def trade(self, symbol: str, day: date, clock: str, price: str, quantity: int, buy: str, sell: str) -> Row:
        """A fill of `quantity` shares of the orders `buy` and `sell`."""
        return self._event(
            symbol,
            day,
            clock,
            trade_id=f"t{next(self._numbers)}",
            price=Decimal(price),
            quantity=quantity,
            buy_order_id=buy,
            sell_order_id=sell,
            aggressor_side="buy",
        )

    def order(self, symbol: str, day: date, clock: str, order_id: str, status: str, filled: int, **columns: Any) -> Row:
        """One step of an order for 100 shares, unless `columns` says otherwise."""
        quantity = columns.get("quantity", 100)
        version = {"new": 1, "rejected": 1}.get(status, 2)
        return self._event(
            symbol,
            day,
            clock,
            **{
                "order_id": order_id,
                "order_version": version,
                "order_status": status,
                "side": "buy" if order_id.startswith("b") else "sell",
                "order_type": "limit",
                "time_in_force": "day",
                "price": Decimal("10.00"),
                "quantity": quantity,
                "filled_quantity": filled,
                "leaves_quantity": quantity - filled,
                "account_id": "ACC0001" if order_id.startswith("b") else "ACC0002",
                "trader_id": "TRD001",
                "broker_id": "BRK01",
                **columns,
            },
        )

    def quote(self, symbol: str, day: date, clock: str, bid: str | None, ask: str | None) -> Row:
        """A change of the best bid or offer."""
        return self._event(
            symbol,
            day,
            clock,
            quote_id=f"q{next(self._numbers)}",
            bid_price=bid and Decimal(bid),
            bid_quantity=bid and 100,
            ask_price=ask and Decimal(ask),
            ask_quantity=ask and 100,
        )

    def status(self, symbol: str, day: date, clock: str, state: str) -> Row:
        """A session change."""
        return self._event(symbol, day, clock, status_id=f"s{next(self._numbers)}", status=state)
