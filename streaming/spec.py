"""What the job must know of the contracts: the parser's spec, and each table's columns."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from governance.contracts import DEAD_LETTER_TOPIC, Contract, Field, contracts
from streaming.exceptions import ContractMappingError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stack.settings import Settings
    from streaming.settings import StreamingSettings

EVENT_TIME = "event_ts"
IDENTITY = "event_id"
KINDS = {"string": "string", "number": "decimal", "integer": "integer", "date": "date", "timestamp": "timestamp"}
KAFKA_COLUMNS = {
    "ingest_ts": "CAST(ingest_ts AS TIMESTAMP_LTZ(6))",
    "kafka_topic": "'{topic}'",
    "kafka_partition": "kafka_partition",
    "kafka_offset": "kafka_offset",
}
"""SQL of the columns that the platform adds to every event, over one message of the topic."""

_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)")


@dataclass(frozen=True)
class TableColumns:
    """One raw table as the job's SQL sees it."""

    name: str
    """Table name without its schema; also the column of the parsed event that holds this type's fields."""
    identifier: str
    expressions: dict[str, str]
    """SQL of each column, by name."""

    @property
    def columns(self) -> list[str]:
        """The column names, in order."""
        return list(self.expressions)


def table_columns(topic: str, datasets: Iterable[Contract] | None = None) -> list[TableColumns]:
    """The raw tables, and where each of their columns comes from when the events come through `topic`.

    Raises:
        ContractMappingError: a contract has a Kafka column that is not known.
    """
    return [_table(contract, topic) for contract in (contracts() if datasets is None else datasets)]


def quoted(identifier: str) -> str:
    """An SQL identifier, each part in backticks, for some of our names are words of SQL."""
    return ".".join(f"`{part}`" for part in identifier.split("."))


def _table(contract: Contract, topic: str) -> TableColumns:
    name = contract.table.split(".")[1]
    expressions = {}
    for field in contract.fields:
        if not field.from_kafka:
            expressions[field.name] = f"{quoted(name)}.{quoted(field.name)}"
        elif field.name in KAFKA_COLUMNS:
            expressions[field.name] = KAFKA_COLUMNS[field.name].format(topic=topic)
        else:
            known = ", ".join(KAFKA_COLUMNS)
            raise ContractMappingError(
                f"{contract.table}: Kafka gives no column {field.name!r}, only {known}; correct the contract"
            )
    return TableColumns(name, contract.table, expressions)


def parser_spec(lake: Settings, streaming: StreamingSettings, datasets: Iterable[Contract] | None = None) -> str:
    """The JSON that `parse_event` reads: which event types there are, their fields and their rules."""
    document = {
        "dead_letter_topic": DEAD_LETTER_TOPIC,
        "max_event_bytes": lake.max_event_bytes,
        "max_depth": streaming.max_event_depth,
        "max_clock_ahead_s": lake.max_clock_ahead_s,
        "event_time": EVENT_TIME,
        "types": [
            {
                "type": contract.event_type,
                "name": contract.table.split(".")[1],
                "topic": contract.topic,
                "fields": [field_spec(field) for field in contract.event_fields],
            }
            for contract in (contracts() if datasets is None else datasets)
        ],
    }
    return json.dumps(document, separators=(",", ":"))


def field_spec(field: Field) -> dict[str, Any]:
    """One field's rules, in the parser's words; bounds of decimals count in units of their last place.

    Raises:
        ContractMappingError: the parser has no such type.
    """
    kind = "id" if field.name == IDENTITY else KINDS.get(field.logical_type)
    if kind is None:
        raise ContractMappingError(
            f"field {field.name!r}: logical type {field.logical_type!r} cannot be parsed, only {', '.join(KINDS)}"
        )
    spec: dict[str, Any] = {"name": field.name, "kind": kind, "required": field.required}
    spec |= {
        "pattern": field.pattern,
        "min_length": field.min_length,
        "max_length": field.max_length,
        **_bounds(field),
    }
    return {key: value for key, value in spec.items() if value is not None}


def _bounds(field: Field) -> dict[str, int | None]:
    if field.logical_type != "number":
        above = None if field.exclusive_minimum is None else field.exclusive_minimum + 1
        return {"minimum": field.minimum if above is None else above, "maximum": field.maximum}
    if not (match := _DECIMAL.fullmatch(field.physical_type)):
        raise ContractMappingError(
            f"field {field.name!r}: {field.physical_type!r} is not a decimal; correct the contract"
        )
    precision, scale = map(int, match.groups())
    if precision > 18:
        raise ContractMappingError(f"field {field.name!r}: a decimal of more than 18 digits cannot be parsed")
    one = 10**scale
    above = None if field.exclusive_minimum is None else field.exclusive_minimum * one + 1
    at_least = None if field.minimum is None else field.minimum * one
    return {
        "precision": precision,
        "scale": scale,
        "minimum": at_least if above is None else above,
        "maximum": None if field.maximum is None else field.maximum * one,
    }
