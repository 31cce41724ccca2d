"""Builds a lake from empty to late rows, on real servers, and compares every step with what it must be."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from stack.settings import Settings
from transform_dbt.tests_py.market import Market, Row, at
from transform_dbt.tests_py.warehouse import Warehouse

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

TODAY = datetime.now(UTC).date()
ANCIENT, OLD, YESTERDAY = (TODAY - timedelta(days=days) for days in (20, 10, 1))
KNOWN, TIED, UNKNOWN, QUOTED = "ALDR", "AMBR", "ZZTOP", "ARGN"
TABLES = {
    "core.dim_security": "security_key",
    "core.dim_account": "account_key",
    "core.fct_orders": "order_key",
    "core.fct_trades": "event_id",
    "marts.mart_ohlcv_1m": "symbol, minute_at",
    "marts.mart_market_daily": "symbol, trading_day",
}


class Story:
    """The events landed so far, and the lake they landed in."""

    def __init__(self, lake: Settings) -> None:
        self.warehouse = Warehouse(lake)
        self.market = Market()
        self.landed: dict[str, list[Row]] = defaultdict(list)

    def land(self, event_type: str, *events: Row) -> None:
        self.warehouse.land(event_type, events)
        self.landed[event_type] += events

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        return {table: self.warehouse.query(f"select * from {table} order by {key}") for table, key in TABLES.items()}


@pytest.fixture(scope="module")
def story(lake: Settings) -> Story:
    """Three builds: of nothing, of some days, and of late rows while untouched days are out of reach."""
    story = Story(lake)
    story.warehouse.clear()
    story.warehouse.dbt("build")
    assert {table: len(rows) for table, rows in story.contents().items() if "dim" not in table} == {
        table: 0 for table in TABLES if "dim" not in table
    }
    _land_first_days(story)
    story.warehouse.dbt("run")
    _assert_bars_and_days(story)
    _land_late_rows(story)
    facts = ("core.fct_trades", "core.fct_orders")
    with story.warehouse.hidden(*(file for fact in facts for file in story.warehouse.files_of(fact, ANCIENT))):
        story.warehouse.dbt("run", "--select", "fct_orders", "fct_trades")
    story.warehouse.dbt("build", "--exclude-resource-type", "unit_test")
    return story


def _land_first_days(story: Story) -> None:
    market = story.market
    market.ingest_ts = datetime.now(UTC) - timedelta(days=2)
    story.land(
        "order",
        market.order(TIED, ANCIENT, "15:00:00", "b0", "new", 0),
        market.order(TIED, ANCIENT, "15:00:00", "s0", "new", 0),
    )
    story.land("trade", market.trade(TIED, ANCIENT, "15:00:00", "1.00", 1, "b0", "s0"))
    market.ingest_ts = datetime.now(UTC) - timedelta(hours=1)
    story.land("status", market.status("*", OLD, "14:30:00", "open"))
    story.land(
        "order",
        market.order(KNOWN, OLD, "14:59:00", "b1", "new", 0),
        market.order(KNOWN, OLD, "15:00:00", "b1", "partially_filled", 60),
        market.order(KNOWN, OLD, "14:59:30", "s1", "new", 0),
        market.order(KNOWN, OLD, "15:00:01", "s1", "filled", 100),
        market.order(TIED, OLD, "15:00:00", "s9", "new", 0, quantity=500),
        market.order(UNKNOWN, YESTERDAY, "15:00:00", "b2", "new", 0, account_id="NOBODY"),
        market.order(UNKNOWN, YESTERDAY, "15:00:00", "s2", "new", 0),
        market.order(KNOWN, TODAY, "00:00:01", "b3", "new", 0),
        market.order(KNOWN, TODAY, "00:00:01", "s3", "new", 0),
    )
    twin = market.trade(KNOWN, OLD, "15:00:01", "10.02", 20, "b1", "s1")
    other = market.trade(KNOWN, OLD, "15:00:01", "10.02", 20, "b1", "s1")
    story.land(
        "trade",
        market.trade(KNOWN, OLD, "15:00:00", "10.01", 20, "b1", "s1"),
        twin,
        other,
        market.trade(KNOWN, OLD, "15:01:59.999999", "9.99", 40, "b8", "s1"),
        market.trade(TIED, OLD, "15:00:30", "20.00", 1, "b9", "s9"),
        market.trade(TIED, OLD, "15:00:30", "22.00", 1, "b9", "s9"),
        market.trade(TIED, OLD, "15:00:30", "21.00", 2, "b9", "s9"),
        market.trade(UNKNOWN, YESTERDAY, "15:00:00", "0.000001", 1_000_000, "b2", "s2"),
        market.trade(KNOWN, TODAY, "00:00:02", "11.00", 10, "b3", "s3"),
    )
    story.land(
        "quote",
        market.quote(QUOTED, OLD, "15:00:00", "10.00", "10.10"),
        market.quote(QUOTED, OLD, "15:00:03", "10.00", "10.20"),
        market.quote(QUOTED, OLD, "15:00:04", None, "10.20"),
        market.quote(QUOTED, OLD, "15:00:14", "10.30", "10.20"),
        market.quote(QUOTED, OLD, "15:00:30", "10.00", "10.50"),
    )


def _land_late_rows(story: Story) -> None:
    """An order days late for its trade, trades days late for their minutes, an order's last step, a late quote."""
    market = story.market
    late = market.order(TIED, OLD, "15:00:00.5", "b9", "new", 0, account_id="LATECOMER")
    story.land("order", late, market.order(UNKNOWN, YESTERDAY, "15:30:00", "b2", "cancelled", 0, account_id="NOBODY"))
    story.land(
        "trade",
        market.trade(KNOWN, OLD, "15:00:00", "10.00", 7, "b1", "s1"),
        market.trade(KNOWN, OLD, "14:59:59.999999", "9.50", 3, "b1", "s1"),
        market.trade(UNKNOWN, YESTERDAY, "16:00:00", "0.000003", 1, "b2", "s2"),
    )
    story.land("quote", market.quote(QUOTED, OLD, "15:00:02", "10.00", "10.40"))


def _money(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.000001"), ROUND_HALF_UP)


def _bar(trades: list[Row]) -> tuple[Any, ...]:
    """Open, high, low, close, volume, notional, vwap and count, worked out without SQL."""
    ordered = sorted(trades, key=lambda trade: (trade["event_ts"], trade["kafka_offset"]))
    prices = [trade["price"] for trade in ordered]
    volume = sum(trade["quantity"] for trade in ordered)
    notional = sum((trade["price"] * trade["quantity"] for trade in ordered), Decimal(0))
    return prices[0], max(prices), min(prices), prices[-1], volume, notional, _money(notional / volume), len(ordered)


def _grouped(trades: list[Row], clock: bool) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for trade in trades:
        when = trade["event_ts"].replace(second=0, microsecond=0) if clock else trade["trading_day"]
        groups[trade["symbol"], when].append(trade)
    return {key: _bar(group) for key, group in groups.items()}


def _assert_bars_and_days(story: Story) -> None:
    prices = "open_price, high_price, low_price, close_price, volume, notional, vwap, trade_count"
    bars = story.warehouse.query(f"select symbol, minute_at, {prices} from marts.mart_ohlcv_1m")
    assert {row[:2]: row[2:] for row in bars} == _grouped(story.landed["trade"], clock=True)
    days = story.warehouse.query(
        f"select symbol, trading_day, {prices} from marts.mart_market_daily where trade_count > 0"
    )
    assert {row[:2]: row[2:] for row in days} == _grouped(story.landed["trade"], clock=False)


def test_marts_follow_late_rows(story: Story) -> None:
    _assert_bars_and_days(story)


def test_trades_of_one_microsecond_count_in_the_order_of_publication(story: Story) -> None:
    ((opened, closed),) = story.warehouse.query(
        f"select open_price, close_price from marts.mart_ohlcv_1m where symbol = '{TIED}' and trading_day = date '{OLD}'"
    )
    assert (opened, closed) == (Decimal(20), Decimal(21))


def test_twins_are_kept(story: Story) -> None:
    ((twins,),) = story.warehouse.query(
        f"select count(distinct event_id) from core.fct_trades where symbol = '{KNOWN}' and price = 10.02"
    )
    assert twins == 2


def test_every_trade_is_there_once_with_its_notional(story: Story) -> None:
    held = dict(story.warehouse.query("select event_id, notional from core.fct_trades"))
    landed = story.landed["trade"]
    assert held == {trade["event_id"]: trade["price"] * trade["quantity"] for trade in landed}
    assert story.warehouse.query("select count(*) from core.fct_trades") == [(len(landed),)]


def test_an_order_days_late_completes_its_trades(story: Story) -> None:
    held = story.warehouse.query(
        f"select distinct buy_account_id, sell_account_id, has_both_orders from core.fct_trades "
        f"where symbol = '{TIED}' and trading_day = date '{OLD}'"
    )
    assert held == [("LATECOMER", "ACC0002", True)]


def test_a_trade_whose_order_never_came_is_kept_without_it(story: Story) -> None:
    held = story.warehouse.query(
        "select buy_account_id, buy_account_key, sell_account_id from core.fct_trades where not has_both_orders"
    )
    assert held == [(None, None, "ACC0002")]


def test_an_order_is_one_row_with_its_life_and_fills(story: Story) -> None:
    (order,) = story.warehouse.rows(
        f"select * from core.fct_orders where order_id = 'b1' and trading_day = date '{OLD}'"
    )
    assert order["order_status"] == "partially_filled"
    assert (order["placed_at"], order["last_event_at"]) == (at(OLD, "14:59:00"), at(OLD, "15:00:00"))
    assert (order["first_fill_at"], order["last_fill_at"]) == (at(OLD, "14:59:59.999999"), at(OLD, "15:00:01"))
    assert (order["fill_count"], order["traded_quantity"]) == (5, 70)
    assert order["traded_notional"] == Decimal("699.500000")
    assert order["average_fill_price"] == _money(Decimal("699.5") / 70)
    assert (order["event_count"], order["is_history_complete"], order["closed_at"]) == (2, True, None)


def test_a_late_cancel_closes_its_order(story: Story) -> None:
    held = story.warehouse.query("select order_status, closed_at from core.fct_orders where account_id = 'NOBODY'")
    assert held == [("cancelled", at(YESTERDAY, "15:30:00"))]


def test_what_reference_data_lacks_has_an_inferred_member(story: Story) -> None:
    securities = story.warehouse.query("select symbol, first_seen_at from core.dim_security where is_inferred")
    assert securities == [(UNKNOWN, at(YESTERDAY, "15:00:00"))]
    accounts = story.warehouse.query("select account_id from core.dim_account where is_inferred order by 1")
    assert accounts == [("LATECOMER",), ("NOBODY",)]
    named = story.warehouse.query(
        f"select security_name, first_seen_at from core.dim_security where symbol = '{KNOWN}'"
    )
    assert named == [("Aldermoor Robotics", at(OLD, "14:59:00"))]


def test_spread_is_weighted_by_the_time_that_quotes_stood(story: Story) -> None:
    # 0.10 stands for 2 s, 0.40 (late) for 1 s, 0.20 for 1 s; one-sided, crossed and last quotes weigh nothing.
    (day,) = story.warehouse.rows(f"select * from marts.mart_market_daily where symbol = '{QUOTED}'")
    spread = (Decimal("0.10") * 2 + Decimal("0.40") + Decimal("0.20")) / 4
    middle = (Decimal("10.05") * 2 + Decimal("10.20") + Decimal("10.10")) / 4
    assert day["time_weighted_spread"] == _money(spread)
    assert day["time_weighted_spread_bps"] == _money(spread * 10_000 / middle)
    assert (day["quote_count"], day["trade_count"], day["open_price"]) == (6, 0, None)


def test_turnover_ranks_all_of_a_days_securities(story: Story) -> None:
    ranks = story.warehouse.query(
        f"select symbol from marts.mart_market_daily where trading_day = date '{OLD}' order by turnover_rank"
    )
    assert ranks == [(KNOWN,), (TIED,), (QUOTED,)]


def test_building_again_changes_nothing_and_a_rebuild_agrees(story: Story) -> None:
    before, snapshots = story.contents(), _snapshots(story)
    story.warehouse.dbt("run")
    assert story.contents() == before
    assert _snapshots(story) == snapshots, "nothing new had landed, and yet a fact or mart was written"
    story.warehouse.dbt("run", "--full-refresh")
    assert story.contents() == before


def _snapshots(story: Story) -> dict[str, int]:
    tables = [table.split(".") for table in TABLES if "dim" not in table]
    return {
        name: story.warehouse.query(f'select count(*) from {schema}."{name}$snapshots"')[0][0]
        for schema, name in tables
    }


def test_freshness_is_that_of_the_contract(story: Story) -> None:
    # The newest trade was ingested most of an hour ago, where two minutes are promised.
    story.market.ingest_ts = datetime.now(UTC)
    story.land("status", story.market.status("*", TODAY, "00:00:00", "closed"))
    artefacts = story.warehouse.dbt("source", "freshness", "--select", "source:raw.status")
    (status,) = json.loads((artefacts / "sources.json").read_text("utf-8"))["results"]
    assert status["status"] == "pass"
    with pytest.raises(AssertionError, match=r"freshness of raw\.trades"):
        story.warehouse.dbt("source", "freshness", "--select", "source:raw.trades")
