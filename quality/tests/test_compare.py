from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from quality.compare import Layers, compare, reconcile
from quality.layer import Layer, event_ids, read_layer

NOBODY = event_ids()


def trade(number: int, price: str = "10.25", quantity: int = 100) -> bytes:
    return b'{"type":"trade","event_id":"%032x","price":"%s","quantity":%d}' % (number, price.encode(), quantity)


def layer(name: str, *payloads: bytes) -> Layer:
    return read_layer(name, payloads)


def layers(**changed: Layer) -> Layers:
    healthy = [trade(number) for number in range(5)]
    whole = {name: layer(name, *healthy) for name in ("ledger", "raw", "routed", "tables", "facts")}
    empty = {name: layer(name) for name in ("bridge_dead", "router_dead")}
    return Layers(**{**whole, **empty, **changed})


def test_equal_layers_reconcile() -> None:
    report = reconcile(layers(), ("trade",))

    assert report.ok
    assert report.rows[-1].notional == Decimal("5125.000000")


def test_a_lost_event_is_named() -> None:
    report = reconcile(layers(tables=layer("tables", *[trade(number) for number in range(4)])), ("trade",))

    (row,) = [row for row in report.rows if row.lost_count]
    assert (row.layer, row.lost) == ("tables", (f"{4:032x}",))
    assert not report.ok


def test_a_doubled_row_is_seen_where_the_layer_promises_none() -> None:
    report = reconcile(layers(facts=layer("facts", trade(0), *[trade(number) for number in range(5)])), ("trade",))

    assert [row.doubled_count for row in report.rows] == [0, 0, 0, 0, 1]
    assert not report.ok


def test_duplicates_in_market_raw_are_dropped_and_counted() -> None:
    events = [trade(number) for number in (0, 1, 1, 2, 3, 4)]
    report = reconcile(layers(ledger=layer("ledger", *events), raw=layer("raw", *events)), ("trade",))

    assert report.ok
    assert report.dropped == 1


def test_a_changed_value_is_seen_though_the_ids_agree() -> None:
    changed = [trade(0, price="10.26"), *[trade(number) for number in range(1, 5)]]
    report = reconcile(layers(facts=layer("facts", *changed)), ("trade",))

    assert report.rows[-1].notional_off == Decimal("1.000000")
    assert not report.ok


def test_dead_letters_excuse_what_is_missing() -> None:
    good, bad = [trade(number) for number in range(5)], trade(9, quantity=-1)
    sent = [*good, bad, b"not json"]
    dead = layer("bridge_dead", bad, b"not json")
    report = reconcile(layers(ledger=layer("ledger", *sent), bridge_dead=dead), ("trade",))

    assert report.ok


def test_an_unreadable_message_without_its_dead_letter_breaks_the_balance() -> None:
    raw = layer("raw", *[trade(number) for number in range(5)], b"not json")
    report = reconcile(layers(raw=raw, ledger=layer("ledger", *[trade(n) for n in range(5)], b"not json")), ("trade",))

    assert [balance.ok for balance in report.balances] == [True, False]
    assert not report.ok


def test_events_nobody_sent_are_invented() -> None:
    row = compare(layer("a", trade(1)), layer("b", trade(1), trade(2)), "trade", excused=NOBODY, unique=True)

    assert (row.invented_count, row.lost_count, row.notional_off) == (1, 0, Decimal(0))


@given(st.sets(st.integers(0, 200)), st.sets(st.integers(0, 200)))
def test_lost_and_invented_are_the_set_differences(before: set[int], after: set[int]) -> None:
    row = compare(
        layer("a", *map(trade, sorted(before))),
        layer("b", *map(trade, sorted(after))),
        "trade",
        excused=NOBODY,
        unique=True,
    )

    assert (row.lost_count, row.invented_count) == (len(before - after), len(after - before))
    assert row.ok == (before == after)
