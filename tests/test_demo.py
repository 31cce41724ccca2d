"""The two commands of the README, and what they promise."""

from __future__ import annotations

import re

import pytest

from tests.command import Command

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

ROWS = """
    select
        (select count(*) from raw.trades) * 1000000007
        + (select count(*) from raw.orders) * 1000003
        + (select count(*) from core.fct_trades)
"""


def test_the_demo_ends_with_queried_marts(demo: str) -> None:
    assert "Reconciled" in demo
    for table in ("trades", "orders", "quotes", "fct_trades", "fct_orders", "mart_ohlcv_1m", "mart_market_daily"):
        (rows,) = re.findall(rf"\b{table}\b\s*│\s*([\d,]+)", demo)[-1:]
        assert int(rows.replace(",", "")) > 0, table
    assert "Most traded" in demo
    assert "Query further" in demo


def test_an_analyst_reads_what_the_demo_made(command: Command, demo: str) -> None:
    answer = command.lake("sql", "--user", "analyst", "select count(*) from core.fct_trades").stdout

    assert re.search(r"[1-9]\d*", answer)


def test_modelling_again_changes_nothing(command: Command, demo: str) -> None:
    before = command.count(ROWS)

    command.lake("dbt", "build")

    assert command.count(ROWS) == before


def test_down_and_up_keep_every_row(command: Command, demo: str) -> None:
    before = command.count(ROWS)

    command.lake("down")
    command.lake("up")

    assert command.count(ROWS) == before
    command.lake("reconcile", "--wait", "60")
