"""The raw Iceberg tables: created from their contracts, and kept in line with them."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from pyiceberg.exceptions import NoSuchTableError, TableAlreadyExistsError
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import DayTransform
from pyiceberg.types import (
    BinaryType,
    DateType,
    DecimalType,
    IcebergType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    TimestamptzType,
)

from governance.contracts import Field, contracts
from stack.connections import iceberg_catalog
from streaming import dead_letters
from streaming.exceptions import ContractMappingError, TableMismatchError
from streaming.settings import streaming_settings
from streaming.spec import EVENT_TIME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

    from stack.settings import Settings

log = logging.getLogger(__name__)
PROPERTIES = {
    "format-version": "2",
    "write.format.default": "parquet",
    "write.parquet.compression-codec": "zstd",
    "write.parquet.compression-level": "1",
    # Identities never repeat: a small dictionary gives up on them soon, and still holds symbols and codes.
    "write.parquet.dict-size-bytes": str(64 << 10),
    # A writer holds a row group of every table on the heap.
    "write.parquet.row-group-size-bytes": str(16 << 20),
    "write.distribution-mode": "none",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "flink.max-continuous-empty-commits": "30",
}
_SIMPLE: dict[str, IcebergType] = {
    "varchar": StringType(),
    "varbinary": BinaryType(),
    "bigint": LongType(),
    "integer": IntegerType(),
    "date": DateType(),
    "timestamp(6) with time zone": TimestamptzType(),
}
_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)")


def iceberg_type(field: Field) -> IcebergType:
    """The Iceberg type of a contract's column.

    Raises:
        ContractMappingError: there is none.
    """
    if match := _DECIMAL.fullmatch(field.physical_type):
        return DecimalType(*map(int, match.groups()))
    if field.physical_type not in _SIMPLE:
        raise ContractMappingError(
            f"column {field.name!r}: no Iceberg type for {field.physical_type!r}, only decimal and {', '.join(_SIMPLE)}"
        )
    return _SIMPLE[field.physical_type]


def schema_of(fields: Iterable[Field]) -> Schema:
    """The Iceberg schema of some columns."""
    return Schema(
        *(
            NestedField(number, field.name, iceberg_type(field), required=field.required, doc=field.description)
            for number, field in enumerate(fields, start=1)
        )
    )


def ensure_tables(lake: Settings) -> None:
    """Create the raw tables, or bring them in line with their contracts.

    Raises:
        TableMismatchError: a table cannot be brought in line without a decision.
    """
    catalog = iceberg_catalog(lake)
    catalog.create_namespace_if_not_exists("raw")
    for contract in contracts():
        ensure_table(catalog, contract.table, contract.fields, EVENT_TIME, contract.description)
    columns = tuple(dead_letters.columns(streaming_settings()))
    ensure_table(catalog, dead_letters.TABLE, columns, "ingest_ts", dead_letters.DESCRIPTION)


def ensure_table(catalog: Catalog, identifier: str, fields: tuple[Field, ...], day_of: str, comment: str) -> Table:
    """Create one table partitioned by the day of `day_of`, or add the columns that it lacks.

    Raises:
        TableMismatchError: an existing column has another type, or requires what the contract does not promise.
    """
    try:
        table = catalog.load_table(identifier)
    except NoSuchTableError:
        try:
            return _create(catalog, identifier, fields, day_of, comment)
        except TableAlreadyExistsError:
            table = catalog.load_table(identifier)
    _require_compatible(table.schema(), identifier, fields)
    _evolve(table, fields, comment)
    return table


def _create(catalog: Catalog, identifier: str, fields: tuple[Field, ...], day_of: str, comment: str) -> Table:
    schema = schema_of(fields)
    source = schema.find_field(day_of).field_id
    partitions = PartitionSpec(PartitionField(source, 1000, DayTransform(), f"{day_of}_day"))
    log.info("creating table %s", identifier)
    return catalog.create_table(
        identifier, schema, partition_spec=partitions, properties={**PROPERTIES, "comment": comment}
    )


def _require_compatible(schema: Schema, identifier: str, fields: tuple[Field, ...]) -> None:
    wanted = {field.name: field for field in fields}
    wrong = []
    for column in schema.fields:
        field = wanted.get(column.name)
        if field is None and column.required:
            wrong.append(f"{column.name} is required by the table and unknown to the contract")
        elif field is not None and iceberg_type(field) != column.field_type:
            wrong.append(f"{column.name} is {column.field_type} in the table and {iceberg_type(field)} by contract")
        elif field is not None and column.required and not field.required:
            wrong.append(f"{column.name} is required by the table and optional by contract")
    if wrong:
        raise TableMismatchError(
            f"table {identifier} does not fit its contract: {'; '.join(wrong)}. Give a changed column a new name, "
            "or rebuild the table from the topic (see streaming/README.md)"
        )


def _evolve(table: Table, fields: tuple[Field, ...], comment: str) -> None:
    present = {column.name for column in table.schema().fields}
    missing = [field for field in fields if field.name not in present]
    if missing:
        log.info("adding %s to %s", ", ".join(field.name for field in missing), ".".join(table.name()))
        with table.update_schema() as update:
            for field in missing:
                update.add_column(field.name, iceberg_type(field), doc=field.description)
    wanted = {**PROPERTIES, "comment": comment}
    changed = {key: value for key, value in wanted.items() if table.properties.get(key) != value}
    changed.pop("format-version", None)
    if changed:
        with table.transaction() as transaction:
            transaction.set_properties(changed)
