"""Market events for tests: valid by contract, with fields to change, and a producer that sends them past the bridge."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from confluent_kafka import Producer

from governance.contracts import RAW_TOPIC
from stack.connections import kafka_config
from stack.settings import Settings


def identity(name: str) -> str:
    return blake2b(name.encode(), digest_size=16).hexdigest()


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def trade(name: str, **changed: Any) -> dict[str, Any]:
    """A valid trade called `name`; a field set to None is left out."""
    at = changed.pop("at", None) or datetime.now(UTC)
    event = {
        "type": "trade",
        "event_id": identity(name),
        "source": "test",
        "venue": "XTST",
        "symbol": "TST",
        "trading_day": at.date().isoformat(),
        "event_ts": stamp(at),
        "trade_id": name,
        "price": "101.25",
        "quantity": 100,
        "buy_order_id": "b1",
        "sell_order_id": "s1",
        "aggressor_side": "buy",
        **changed,
    }
    return {key: value for key, value in event.items() if value is not None}


def encoded(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


class Feed:
    """Writes straight to the raw topic, at a rate if one is given."""

    def __init__(self, lake: Settings) -> None:
        self.producer = Producer(
            kafka_config(
                lake,
                **{
                    "enable.idempotence": True,
                    "linger.ms": 5,
                    "message.timeout.ms": 120_000,
                    "message.max.bytes": 4_000_000,
                },
            )
        )

    def send(self, payloads: Iterable[bytes | None], *, key: str = "TST", per_second: float = 0) -> int:
        """Send all, and wait until Kafka has them; returns how many there were."""
        started, count = time.monotonic(), 0
        for count, payload in enumerate(payloads, start=1):
            self.producer.produce(RAW_TOPIC, payload, key)
            self.producer.poll(0)
            if per_second and (ahead := count / per_second - (time.monotonic() - started)) > 0.01:
                time.sleep(ahead)
        assert self.producer.flush(120) == 0
        return count
