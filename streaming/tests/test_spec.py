"""What the job derives from the contracts."""

from __future__ import annotations

import json

import pytest

from governance.contracts import Field, contracts
from stack.settings import settings
from streaming.exceptions import ContractMappingError
from streaming.settings import streaming_settings
from streaming.spec import field_spec, parser_spec, table_columns


def field(**changed: object) -> Field:
    values = {"name": "x", "logical_type": "string", "physical_type": "varchar", "required": True, "description": ""}
    return Field(**{**values, **changed})  # type: ignore[arg-type]


def test_the_spec_covers_every_published_field_of_every_contract() -> None:
    spec = json.loads(parser_spec(settings(), streaming_settings()))

    described = {each["type"]: [item["name"] for item in each["fields"]] for each in spec["types"]}
    assert described == {c.event_type: [f.name for f in c.event_fields] for c in contracts()}


def test_every_column_of_every_table_has_an_expression() -> None:
    derived = {table.identifier: table.columns for table in table_columns("some.topic")}

    assert derived == {contract.table: [f.name for f in contract.fields] for contract in contracts()}


def test_rows_name_the_topic_they_came_from() -> None:
    assert all(table.expressions["kafka_topic"] == "'some.topic'" for table in table_columns("some.topic"))


@pytest.mark.parametrize(
    ("exclusive", "inclusive", "expected"),
    [(0, None, 1), (5, None, 5_000_001), (None, 2, 2_000_000), (None, None, None)],
)
def test_bounds_of_decimals_count_in_their_last_place(
    exclusive: int | None, inclusive: int | None, expected: int | None
) -> None:
    price = field(logical_type="number", physical_type="decimal(18,6)", exclusive_minimum=exclusive, minimum=inclusive)

    assert field_spec(price).get("minimum") == expected


def test_the_identity_has_a_kind_of_its_own() -> None:
    assert field_spec(field(name="event_id"))["kind"] == "id"


@pytest.mark.parametrize(
    "unusable",
    [
        field(logical_type="array"),
        field(logical_type="number", physical_type="double"),
        field(logical_type="number", physical_type="decimal(38,6)"),
    ],
)
def test_what_cannot_be_parsed_is_refused_by_name(unusable: Field) -> None:
    with pytest.raises(ContractMappingError, match="'x'"):
        field_spec(unusable)
