"""The raw datasets' contracts (ODCS v3, in `contracts/`), as typed objects that the other rooms derive from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CONTRACTS = Path(__file__).parent / "contracts"
RAW_TOPIC = "market.raw"
"""Topic of all events as published, before routing."""
DEAD_LETTER_TOPIC = "market.dlq"
"""Topic of what no part of the platform could read."""
_UNITS = {"s": timedelta(seconds=1), "min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class ContractError(ValueError):
    """A contract file does not say what the platform needs; the message names the file and the property."""


@dataclass(frozen=True)
class Field:
    """One column of a raw dataset."""

    name: str
    logical_type: str
    """ODCS logical type: string, number, integer, date or timestamp."""
    physical_type: str
    """Trino type of the column."""
    required: bool
    description: str
    pattern: str | None = None
    minimum: int | None = None
    exclusive_minimum: int | None = None
    maximum: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    from_kafka: bool = False
    """Whether the platform adds the column (record timestamp, topic, partition, offset) instead of the publisher."""


@dataclass(frozen=True)
class Contract:
    """One raw dataset: the event that carries it, its topic, its table and its columns."""

    event_type: str
    """Value of the event's `type` field."""
    topic: str
    table: str
    """Iceberg table as `schema.name`."""
    description: str
    fields: tuple[Field, ...]
    owner: str
    """Room that answers for the dataset."""
    freshness: timedelta
    """How old the newest row's `ingest_ts` may be while the venue publishes."""

    @property
    def event_fields(self) -> tuple[Field, ...]:
        """The columns that the publisher sends."""
        return tuple(field for field in self.fields if not field.from_kafka)


def _custom(node: dict[str, Any]) -> dict[str, Any]:
    return {item["property"]: item["value"] for item in node.get("customProperties", [])}


def _field(node: dict[str, Any]) -> Field:
    options = node.get("logicalTypeOptions", {})
    return Field(
        name=node["name"],
        logical_type=node["logicalType"],
        physical_type=node["physicalType"],
        required=node["required"],
        description=node["description"],
        pattern=options.get("pattern"),
        minimum=options.get("minimum"),
        exclusive_minimum=options.get("exclusiveMinimum"),
        maximum=options.get("maximum"),
        min_length=options.get("minLength"),
        max_length=options.get("maxLength"),
        from_kafka=_custom(node).get("origin") == "kafka",
    )


def _owner(team: list[dict[str, Any]]) -> str:
    (owner,) = (member["username"] for member in team if member["role"] == "owner")
    return str(owner)


def _freshness(promises: list[dict[str, Any]]) -> timedelta:
    (promise,) = (each for each in promises if each["property"] == "freshness")
    return int(promise["value"]) * _UNITS[promise["unit"]]


def load(path: Path) -> Contract:
    """Read one contract file.

    Raises:
        ContractError: a property that the platform needs is missing.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        (schema,) = document["schema"]
        custom = _custom(schema)
        return Contract(
            event_type=custom["eventType"],
            topic=custom["topic"],
            table=schema["physicalName"],
            description=schema["description"],
            fields=tuple(_field(node) for node in schema["properties"]),
            owner=_owner(document["team"]),
            freshness=_freshness(document["slaProperties"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ContractError(
            f"{path.name}: {error!r} is missing or malformed; compare with its siblings in {path.parent}"
        ) from error


@cache
def contracts() -> tuple[Contract, ...]:
    """All raw datasets, in the order of their file names."""
    return tuple(load(path) for path in sorted(CONTRACTS.glob("*.odcs.yaml")))
