from __future__ import annotations

from pathlib import Path

import pytest

from governance.contracts import CONTRACTS, Contract, ContractError, contracts, load

COMMON = ["event_id", "source", "venue", "symbol", "trading_day", "event_ts"]
FROM_KAFKA = ["ingest_ts", "kafka_topic", "kafka_partition", "kafka_offset"]
TYPES = {
    "string": {"varchar"},
    "number": {"decimal(18,6)"},
    "integer": {"bigint", "integer"},
    "date": {"date"},
    "timestamp": {"timestamp(6) with time zone"},
}


@pytest.fixture(params=contracts(), ids=lambda contract: contract.event_type)
def contract(request: pytest.FixtureRequest) -> Contract:
    chosen: Contract = request.param
    return chosen


def test_every_event_type_has_its_own_topic_and_table() -> None:
    assert {(each.event_type, each.topic, each.table) for each in contracts()} == {
        ("trade", "market.trades", "raw.trades"),
        ("order", "market.orders", "raw.orders"),
        ("quote", "market.quotes", "raw.quotes"),
        ("status", "market.status", "raw.status"),
    }


def test_a_contract_identifies_its_events_and_their_origin(contract: Contract) -> None:
    names = [field.name for field in contract.fields]

    assert names[: len(COMMON)] == COMMON
    assert names[-len(FROM_KAFKA) :] == FROM_KAFKA
    assert [field.name for field in contract.fields if field.from_kafka] == FROM_KAFKA
    assert len(names) == len(set(names))


def test_logical_and_physical_types_agree(contract: Contract) -> None:
    for field in contract.fields:
        assert field.physical_type in TYPES[field.logical_type], field.name


def test_every_column_is_described(contract: Contract) -> None:
    assert all(field.description.endswith(".") or field.description.endswith(").") for field in contract.fields)


def test_a_broken_contract_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "trades.odcs.yaml"
    text = (CONTRACTS / "trades.odcs.yaml").read_text(encoding="utf-8")
    broken.write_text(text.replace("physicalName: raw.trades", "physical: raw.trades"), encoding="utf-8")

    with pytest.raises(ContractError, match=r"trades\.odcs\.yaml: KeyError\('physicalName'\)"):
        load(broken)
