from __future__ import annotations

from decimal import Decimal

import pytest

from quality.layer import notional, read_layer

ID = "00" * 15 + "07"


@pytest.mark.parametrize(
    "payload",
    [
        b"not json",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"type":"trade","event_id":"short","price":"1","quantity":1}',
        b'{"type":"trade","event_id":"%s","price":"NaN","quantity":1}' % ID.encode(),
        b'{"type":"trade","event_id":"%s","price":"Infinity","quantity":1}' % ID.encode(),
        b'{"type":"trade","event_id":"%s","price":1.5,"quantity":1}' % ID.encode(),
        b'{"type":"trade","event_id":"%s","quantity":1}' % ID.encode(),
    ],
)
def test_what_cannot_be_read_counts_as_a_message_only(payload: bytes) -> None:
    layer = read_layer("x", [payload])

    assert (layer.messages, layer.readable) == (1, 0)


def test_the_largest_price_times_the_largest_quantity_is_exact() -> None:
    payload = b'{"type":"trade","event_id":"%s","price":"999999999999.999999","quantity":1000000000000}' % ID.encode()

    assert notional(read_layer("x", [payload]).table("trade")) == Decimal("999999999999999999000000.000000")


def test_the_first_of_an_id_is_kept() -> None:
    payloads = [
        b'{"type":"trade","event_id":"%s","price":"%d","quantity":1}' % (ID.encode(), price) for price in (3, 1, 2)
    ]

    assert notional(read_layer("x", payloads).first("trade")) == Decimal(3)


def test_events_without_a_price_have_no_notional() -> None:
    layer = read_layer("x", [b'{"type":"quote","event_id":"%s"}' % ID.encode()])

    assert notional(layer.table("quote")) == Decimal(0)
