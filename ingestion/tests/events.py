"""Well-formed events to start from."""

import json
from typing import Any

BASE = {
    "source": "test",
    "venue": "AURX",
    "symbol": "ALDR",
    "trading_day": "2026-03-04",
    "event_ts": "2026-03-04T15:00:00.000001Z",
}
OWN: dict[str, dict[str, Any]] = {
    "trade": {
        "trade_id": "T1",
        "price": "101.25",
        "quantity": 100,
        "buy_order_id": "O1",
        "sell_order_id": "O2",
        "aggressor_side": "buy",
    },
    "order": {
        "order_id": "O1",
        "order_version": 1,
        "order_status": "new",
        "side": "buy",
        "order_type": "limit",
        "time_in_force": "day",
        "price": "101.25",
        "quantity": 100,
        "filled_quantity": 0,
        "leaves_quantity": 100,
        "account_id": "ACC0001",
        "trader_id": "TRD001",
        "broker_id": "BRK01",
    },
    "quote": {"quote_id": "Q1", "bid_price": "101.20", "bid_quantity": 5, "ask_price": "101.30", "ask_quantity": 7},
    "status": {"status_id": "S1", "status": "open"},
}


def event(kind: str = "trade", number: int = 1, **changes: Any) -> bytes:
    """An event of a kind; `changes` set fields, or remove them when they are `...`."""
    fields = {"type": kind, "event_id": f"{number:032x}", **BASE, **OWN[kind], **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()
