"""The running job: what is sent to the raw topic ends in the right table, or in the dead letters with a reason."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from governance.contracts import DEAD_LETTER_TOPIC, RAW_TOPIC
from stack.connections import iceberg_catalog, kafka_config
from stack.settings import Settings
from streaming.dead_letters import TABLE as DEAD_LETTERS
from streaming.tests.messages import Feed, encoded, identity, stamp, trade
from streaming.tests.observing import committed, eventually, rows

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SOURCE = "job-test"
NOW = datetime.now(UTC)


def broken(name: str, old: str, new: bytes) -> bytes:
    return encoded(trade(name, source=SOURCE)).replace(old.encode(), new)


def order(name: str, **changed: Any) -> dict[str, Any]:
    shared = trade(name, source=SOURCE)
    keep = ("event_id", "source", "venue", "symbol", "trading_day", "event_ts")
    event = {
        "type": "order",
        **{key: shared[key] for key in keep},
        "order_id": name,
        "order_version": 1,
        "order_status": "new",
        "side": "buy",
        "order_type": "market",
        "time_in_force": "ioc",
        "quantity": 5,
        "filled_quantity": 0,
        "leaves_quantity": 5,
        "account_id": "a",
        "trader_id": "t",
        "broker_id": "b",
        **changed,
    }
    return {key: value for key, value in event.items() if value is not None}


def bad(name: str, **changed: Any) -> bytes:
    return encoded(trade(name, source=SOURCE, **changed))


DEAD: dict[str, tuple[str, str, bytes | None]] = {
    "tombstone": ("invalid_json", "empty", None),
    "empty": ("invalid_json", "empty", b""),
    "truncated": ("invalid_json", "end-of-input", broken("truncated", '"}', b"")),
    "array": ("invalid_json", "not a JSON object", b'["trade"]'),
    "text": ("invalid_json", "Unrecognized token", b"hello"),
    "two objects": ("invalid_json", "follows", bad("two objects") + b"{}"),
    "NaN": ("invalid_json", "NaN", broken("NaN", '"101.25"', b"NaN")),
    "Infinity": ("invalid_json", "Infinity", broken("Infinity", '"101.25"', b"-Infinity")),
    "control character": ("invalid_json", "", broken("control character", "b1", b"b\x01")),
    "not UTF-8": ("invalid_utf8", "UTF-8", broken("not UTF-8", "b1", b"\xff\xfe")),
    "lone surrogate": ("invalid_utf8", "UTF-8", broken("lone surrogate", "b1", b"\xed\xa0\x80")),
    "not UTF-8 in an unknown field": ("invalid_utf8", "", broken("x", '"type"', b'"note":"\xc0\xaf","type"')),
    "deep": ("nesting_too_deep", "levels", broken("deep", '"type"', b'"n":' + b"[" * 900 + b"]" * 900 + b',"type"')),
    "oversized": ("oversized_event", "bytes", bad("oversized", note="x" * 1_100_000)),
    "no type": ("unknown_type", "no field", b'{"event_id":"x"}'),
    "other type": ("unknown_type", "dividend", bad("other type", type="dividend")),
    "type is a number": ("unknown_type", "not a string", bad("type is a number", type=7)),
    "no id": ("contract_violation", "event_id: is required", bad("no id", event_id=None)),
    "short id": ("contract_violation", "event_id: must be 32", bad("short id", event_id="abc")),
    "upper case id": ("contract_violation", "event_id", bad("x", event_id=identity("upper").upper())),
    "no symbol": ("contract_violation", "symbol: is required", bad("no symbol", symbol=None)),
    "lower symbol": ("contract_violation", "symbol: must match", bad("lower symbol", symbol="tst")),
    "price is a number": ("contract_violation", "price: must be a string", bad("price is a number", price=1.5)),
    "price is an object": ("contract_violation", "price: must be a string, got an object", bad("x", price={"a": 1})),
    "price NaN": ("contract_violation", "price: must be a decimal", bad("price NaN", price="NaN")),
    "price exponent": ("contract_violation", "price: must be a decimal", bad("price exponent", price="1e3")),
    "price without digits": ("contract_violation", "price: must be a decimal", bad("x", price=".")),
    "price zero": ("contract_violation", "price: is out of range", bad("price zero", price="0.000000")),
    "price negative": ("contract_violation", "price: is out of range", bad("price negative", price="-1.00")),
    "price too long": ("contract_violation", "price: must be a decimal", bad("price too long", price="1" * 13)),
    "price too fine": ("contract_violation", "price: must be a decimal", bad("price too fine", price="1.0000001")),
    "quantity text": ("contract_violation", "quantity: must be an integer", bad("quantity text", quantity="5")),
    "quantity fraction": ("contract_violation", "quantity: must be an integer", bad("x", quantity=1.5)),
    "quantity zero": ("contract_violation", "quantity: must be at least 1", bad("quantity zero", quantity=0)),
    "quantity negative": ("contract_violation", "quantity: must be at least 1", bad("x", quantity=-3)),
    "quantity huge": ("contract_violation", "quantity: is out of range", bad("quantity huge", quantity=10**30)),
    "quantity true": ("contract_violation", "quantity: must be an integer", bad("quantity true", quantity=True)),
    "no such day": ("contract_violation", "trading_day", bad("no such day", trading_day="2026-02-30")),
    "year zero": ("contract_violation", "trading_day", bad("year zero", trading_day="0000-01-01")),
    "day with time": ("contract_violation", "trading_day", bad("x", trading_day="2026-01-05T00:00:00")),
    "local time": ("contract_violation", "event_ts", bad("local time", event_ts="2026-01-05T09:30:00.000000+01:00")),
    "milliseconds": ("contract_violation", "event_ts", bad("milliseconds", event_ts="2026-01-05T09:30:00.123Z")),
    "hour 24": ("contract_violation", "event_ts", bad("hour 24", event_ts="2026-01-05T24:00:00.000000Z")),
    "side": ("contract_violation", "aggressor_side", bad("side", aggressor_side="hold")),
    "long id": ("contract_violation", "trade_id: must have 1 to 64", bad("x", trade_id="t" * 65)),
    "field twice": ("contract_violation", "given twice", broken("field twice", '"price"', b'"price":"1.00","price"')),
    "a day ahead": ("event_time_in_future", "event_ts", bad("a day ahead", event_ts=stamp(NOW + timedelta(days=1)))),
    "order without account": ("contract_violation", "account_id", encoded(order("x", account_id=None))),
}
GOOD: dict[str, dict[str, Any]] = {
    "plain": trade("plain", source=SOURCE),
    "unknown fields": trade("unknown fields", source=SOURCE, colour="green", nested={"a": [1, {"b": None}]}),
    "null in an unknown field": {**trade("null in an unknown field", source=SOURCE), "note": None},
    "umlaut": trade("umlaut", source=SOURCE, buy_order_id="Bestellung-ä-日本"),
    "longest price": trade("longest price", source=SOURCE, price="999999999999.999999"),
    "smallest price": trade("smallest price", source=SOURCE, price="0.000001"),
    "an hour late": trade("an hour late", source=SOURCE, at=NOW - timedelta(hours=1)),
    "three days late": trade("three days late", source=SOURCE, at=NOW - timedelta(days=3)),
    "a minute ahead": trade("a minute ahead", source=SOURCE, at=NOW + timedelta(minutes=1)),
    "a leap day": trade("a leap day", source=SOURCE, trading_day="2024-02-29"),
    "type last": dict(reversed(trade("type last", source=SOURCE).items())),
}
TWINS = [trade("twin", source=SOURCE, event_id=identity(name), at=NOW) for name in ("twin one", "twin two")]


@pytest.fixture(scope="module")
def landed(lake: Settings) -> Settings:
    """The lake after all of the input above, some of it twice, and one last valid event of each partition's own."""
    feed = Feed(lake)
    feed.send([payload for _, _, payload in DEAD.values()])
    feed.send([encoded(event) for event in GOOD.values()])
    feed.send([encoded(event) for event in TWINS])
    feed.send([encoded(GOOD["plain"])] * 3)
    feed.send([encoded({**GOOD["plain"], "price": "999.00"})])
    feed.send([encoded(order("market order", price=None)), encoded({**order("null price"), "price": None})])
    feed.send([encoded(trade("last", source=SOURCE))])
    eventually(
        lambda: any(row["trade_id"] == "last" for row in rows(lake, "raw.trades", SOURCE)), "the last event landed"
    )
    return lake


@pytest.fixture(scope="module")
def letters(landed: Settings) -> list[tuple[bytes | None, dict[str, bytes]]]:
    return [
        (value, headers) for _, value, headers in committed(landed, DEAD_LETTER_TOPIC) if headers["stage"] == b"router"
    ]


@pytest.mark.parametrize("name", DEAD)
def test_an_unreadable_event_is_one_dead_letter_with_its_bytes(name: str, letters: list[Any]) -> None:
    reason, detail, payload = DEAD[name]
    found = [headers for value, headers in letters if (value or b"") == (payload or b"")]
    same = sum((each or b"") == (payload or b"") for _, _, each in DEAD.values())

    assert len(found) == same
    assert all(headers["reason"].decode() == reason for headers in found)
    assert all(detail in headers["detail"].decode() for headers in found)


def test_dead_letters_can_be_queried(landed: Settings) -> None:
    def landed_letters() -> list[dict[str, Any]]:
        table = iceberg_catalog(landed).load_table(DEAD_LETTERS)
        return list(table.scan(row_filter="stage = 'router'").to_arrow().to_pylist())

    eventually(lambda: len(landed_letters()) >= len(DEAD), "the dead letters landed")
    found = landed_letters()
    assert Counter(row["reason"] for row in found) == Counter(reason for reason, _, _ in DEAD.values())
    (oversized,) = [row for row in found if row["reason"] == "oversized_event"]
    assert len(oversized["payload"]) == 65536
    assert oversized["payload_bytes"] == len(DEAD["oversized"][2] or b"")


def test_valid_events_are_typed_rows(landed: Settings) -> None:
    by_name = {row["trade_id"]: row for row in rows(landed, "raw.trades", SOURCE)}

    assert set(by_name) == {*GOOD, "twin", "last"}
    for name, sent in GOOD.items():
        row = by_name[name]
        assert row["price"] == Decimal(sent["price"])
        assert stamp(row["event_ts"]) == sent["event_ts"]
        assert row["trading_day"].isoformat() == sent["trading_day"]
        assert row["buy_order_id"] == sent["buy_order_id"]
        assert (row["kafka_topic"], row["event_id"]) == (RAW_TOPIC, sent["event_id"])
        assert abs((row["ingest_ts"] - NOW).total_seconds()) < 3600


def test_an_absent_price_is_null(landed: Settings) -> None:
    assert [row["price"] for row in rows(landed, "raw.orders", SOURCE)] == [None, None]


def test_the_first_of_several_copies_is_kept(landed: Settings) -> None:
    (kept,) = [row for row in rows(landed, "raw.trades", SOURCE) if row["trade_id"] == "plain"]

    assert str(kept["price"]) == "101.250000"


def test_twins_with_ids_of_their_own_are_both_kept(landed: Settings) -> None:
    assert sum(row["trade_id"] == "twin" for row in rows(landed, "raw.trades", SOURCE)) == 2


def test_routing_keeps_bytes_and_keys_and_adds_up(landed: Settings) -> None:
    sent = [value for _, value, _ in committed(landed, RAW_TOPIC) if SOURCE.encode() in (value or b"")]
    routed = [
        (key, value)
        for topic in ("market.trades", "market.orders", DEAD_LETTER_TOPIC)
        for key, value, _ in committed(landed, topic)
        if SOURCE.encode() in (value or b"")
    ]

    assert Counter(value for _, value in routed) == Counter(sent)
    assert {key for key, _ in routed} == {b"TST"}


def test_each_row_names_its_own_message(landed: Settings) -> None:
    consumer = Consumer(kafka_config(landed, **{"group.id": "test"}))
    row = next(row for row in rows(landed, "raw.trades", SOURCE) if row["trade_id"] == "umlaut")
    consumer.assign([TopicPartition(row["kafka_topic"], row["kafka_partition"], row["kafka_offset"])])
    message = consumer.poll(30)
    consumer.close()

    assert message is not None
    assert json.loads(message.value() or b"")["event_id"] == row["event_id"]
    assert message.timestamp()[1] == int(row["ingest_ts"].timestamp() * 1000)
