"""Fixtures of the room's integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingestion.tests.market import Market, kafka_lake, running


@pytest.fixture(scope="session")
def market() -> Iterator[Market]:
    """Kafka, exchange and bridge, up."""
    with kafka_lake() as lake:
        market = Market(lake)
        with running(market, market.exchange, market.bridge):
            yield market
