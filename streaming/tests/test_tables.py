"""Raw tables follow their contracts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.transforms import DayTransform
from pyiceberg.types import DecimalType, StringType, TimestamptzType

from governance.contracts import Contract, Field, contracts
from streaming.exceptions import ContractMappingError, TableMismatchError
from streaming.tables import ensure_table, iceberg_type

TRADES = next(contract for contract in contracts() if contract.event_type == "trade")
NOTE = Field("note", "string", "varchar", False, "A remark.")


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = SqlCatalog("test", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=tmp_path.as_uri())
    catalog.create_namespace("raw")
    yield catalog
    catalog.engine.dispose()


def ensure(catalog: Catalog, contract: Contract = TRADES, *more: Field) -> None:
    ensure_table(catalog, contract.table, (*contract.fields, *more), "event_ts", contract.description)


def changed(column: str, **values: Any) -> Contract:
    fields = tuple(dataclasses.replace(f, **values) if f.name == column else f for f in TRADES.fields)
    return dataclasses.replace(TRADES, fields=fields)


def test_a_table_has_its_contracts_columns_and_a_partition_per_day(catalog: Catalog) -> None:
    ensure(catalog)

    table = catalog.load_table(TRADES.table)
    assert [(c.name, c.required, c.doc) for c in table.schema().fields] == [
        (f.name, f.required, f.description) for f in TRADES.fields
    ]
    assert table.schema().find_type("price") == DecimalType(18, 6)
    assert table.schema().find_type("event_ts") == TimestamptzType()
    (partition,) = table.spec().fields
    assert partition.transform == DayTransform()
    assert table.schema().find_column_name(partition.source_id) == "event_ts"


def test_ensuring_twice_changes_nothing(catalog: Catalog) -> None:
    ensure(catalog)
    before = catalog.load_table(TRADES.table).metadata_location
    ensure(catalog)

    assert catalog.load_table(TRADES.table).metadata_location == before


def test_a_new_column_is_added(catalog: Catalog) -> None:
    ensure(catalog)
    ensure(catalog, TRADES, NOTE)

    column = catalog.load_table(TRADES.table).schema().find_field("note")
    assert (column.field_type, column.required) == (StringType(), False)


def test_an_optional_column_may_leave_the_contract(catalog: Catalog) -> None:
    ensure(catalog, TRADES, NOTE)
    ensure(catalog)

    assert catalog.load_table(TRADES.table).schema().find_field("note")


@pytest.mark.parametrize(
    ("contract", "complaint"),
    [
        (changed("price", physical_type="decimal(18,4)"), r"price is decimal\(18, 6\) in the table"),
        (changed("quantity", required=False), "quantity is required by the table and optional"),
        (changed("quantity", name="size"), "quantity is required by the table and unknown"),
    ],
)
def test_what_would_break_readers_is_refused(catalog: Catalog, contract: Contract, complaint: str) -> None:
    ensure(catalog)

    with pytest.raises(TableMismatchError, match=complaint):
        ensure(catalog, contract)


def test_a_type_without_an_iceberg_counterpart_is_refused() -> None:
    with pytest.raises(ContractMappingError, match="double precision"):
        iceberg_type(Field("x", "number", "double precision", True, ""))
