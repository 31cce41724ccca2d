"""Bad input through the whole path: each message ends in the right table or in the dead letters, and counts add up."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Any

import pytest

from ingestion.exchange.injection import inject
from ingestion.exchange.ledger import Kind
from quality.sources import messages
from tests.command import Command, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

Build = Callable[[str], bytes]


def trade(name: str, **changed: Any) -> bytes:
    """A valid trade called `name`, with some fields changed; a field set to None is left out."""
    now = changed.pop("at", datetime.now(UTC))
    event_id = blake2b(f"bad-input\x1f{name}".encode(), digest_size=16).hexdigest()
    event = {
        "type": "trade",
        "event_id": event_id,
        "source": "bad-input",
        "venue": "XTST",
        "symbol": "TST",
        "trading_day": now.date().isoformat(),
        "event_ts": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "trade_id": name,
        "price": "101.25",
        "quantity": 100,
        "buy_order_id": "b1",
        "sell_order_id": "s1",
        "aggressor_side": "buy",
        **changed,
    }
    return json.dumps({key: value for key, value in event.items() if value is not None}).encode()


def literal(name: str, **text: str) -> bytes:
    """A valid trade with fields replaced by raw JSON text, valid or not."""
    event = trade(name, **{key: f"@{key}@" for key in text}).decode()
    for key, value in text.items():
        event = event.replace(f'"@{key}@"', value)
    return event.encode()


DEAD: dict[str, tuple[str, Build]] = {
    "broken JSON": ("invalid_json", lambda name: trade(name)[:-5]),
    "not an object": ("invalid_json", lambda name: b'["trade"]'),
    "literal NaN": ("invalid_json", partial(literal, price="NaN")),
    "literal Infinity": ("invalid_json", partial(literal, price="Infinity")),
    "NaN in a string": ("contract_violation", partial(trade, price="NaN")),
    "Infinity in a string": ("contract_violation", partial(trade, price="Infinity")),
    "price as a number": ("contract_violation", partial(trade, price=101.25)),
    "price as an object": ("contract_violation", partial(trade, price={"amount": "1"})),
    "price of zero": ("contract_violation", partial(trade, price="0.00")),
    "negative price": ("contract_violation", partial(trade, price="-1.00")),
    "quantity as text": ("contract_violation", partial(trade, quantity="100")),
    "quantity with a fraction": ("contract_violation", partial(trade, quantity=1.5)),
    "negative quantity": ("contract_violation", partial(trade, quantity=-100)),
    "no symbol": ("contract_violation", partial(trade, symbol=None)),
    "no event id": ("contract_violation", partial(trade, event_id=None)),
    "a date that does not exist": ("contract_violation", partial(trade, trading_day="2026-02-30")),
    "unknown event type": ("unknown_type", partial(trade, type="dividend")),
    "invalid UTF-8": ("invalid_utf8", lambda name: trade(name).replace(b"s1", b"\xff\xfe")),
    "deep nesting": ("nesting_too_deep", partial(literal, note="[" * 5000 + "]" * 5000)),
    "an event beyond the limit": ("oversized_event", partial(trade, note="x" * 1_200_000)),
    "a day in the future": ("event_time_in_future", lambda name: trade(name, at=datetime.now(UTC) + timedelta(days=1))),
}

KEPT: dict[str, Build] = {
    "valid": trade,
    "an hour late": lambda name: trade(name, at=datetime.now(UTC) - timedelta(hours=1)),
    "three days late": lambda name: trade(name, at=datetime.now(UTC) - timedelta(days=3)),
    "a field that the contract does not know": partial(trade, colour="green"),
    "one twin": partial(trade, at=datetime(2026, 1, 5, 15, 0, tzinfo=UTC), trade_id="twin"),
    "the other twin": partial(trade, at=datetime(2026, 1, 5, 15, 0, tzinfo=UTC), trade_id="twin"),
}


@pytest.fixture(scope="module")
def landed(command: Command, demo: str) -> Command:
    """The lake after all of the input above, two copies of a duplicate and a 10 MB frame went through the feed."""
    exchange = command.settings.data / "exchange"
    for name, (_, build) in DEAD.items():
        inject(exchange, "trades", build(name))
    for name, build in KEPT.items():
        inject(exchange, "trades", build(name))
    for _ in range(2):
        inject(exchange, "trades", trade("valid"))
    inject(exchange, "trades", b"z" * 10_000_000, Kind.FRAME)
    inject(exchange, "trades", trade("after everything"))
    eventually(
        lambda: command.count("select count(*) from raw.trades where trade_id = 'after everything'") == 1,
        "the last event landed behind the bad ones",
        within=120,
    )
    return command


@pytest.fixture(scope="module")
def dead_letters(landed: Command) -> list[tuple[str, str, bytes]]:
    """Reason, detail and bytes of each dead letter."""
    letters = []
    for message in messages(landed.settings, "market.dlq"):
        headers = dict(message.headers() or [])
        letters.append((headers["reason"].decode(), headers["detail"].decode(), message.value()))
    return letters


@pytest.mark.parametrize("name", DEAD)
def test_bad_events_are_dead_letters_with_a_reason(name: str, dead_letters: list[tuple[str, str, bytes]]) -> None:
    reason, build = DEAD[name]
    sent = build(name)
    # A trade id names the event where its bytes carry one; the times in them were taken when it was sent.
    found = [letter for letter in dead_letters if letter[2] == sent or name.encode() in letter[2]]

    assert [letter[0] for letter in found] == [reason]
    assert found[0][1], "the detail says what is wrong"


def test_a_frame_of_ten_megabytes_is_kept_whole(dead_letters: list[tuple[str, str, bytes]]) -> None:
    (letter,) = [each for each in dead_letters if each[2].startswith(b"zzzz")]

    assert letter[0] in {"oversized_frame", "malformed_frame"}
    assert len(letter[2]) == 10_000_000


def test_unusual_but_valid_events_are_rows(landed: Command) -> None:
    sql = (
        "select count(distinct event_id) from raw.trades where source = 'bad-input' and trade_id <> 'after everything'"
    )

    assert landed.count(sql) == len(KEPT)


def test_twins_are_both_kept(landed: Command) -> None:
    assert landed.count("select count(*) from raw.trades where trade_id = 'twin'") == 2


def test_duplicates_are_dropped(landed: Command) -> None:
    assert landed.count("select count(*) from raw.trades where trade_id = 'valid'") == 1


def test_late_events_lie_in_their_own_day(landed: Command) -> None:
    sql = "select count(*) from raw.trades where trade_id = 'three days late' and event_ts < current_date - interval '2' day"

    assert landed.count(sql) == 1


def test_all_counts_add_up(landed: Command) -> None:
    landed.lake("reconcile", "--wait", "60", "--until", "raw")


def test_no_dead_letter_was_written_twice(dead_letters: list[tuple[str, str, bytes]]) -> None:
    assert max(Counter(letter[2] for letter in dead_letters).values()) == 1
