"""The statements that Flink gets."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.contracts import contracts
from stack.settings import Settings
from streaming.rendering import literal, market_job, statements
from streaming.settings import streaming_settings


@pytest.fixture
def job(tmp_path: Path) -> list[str]:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "postgres.password").write_text("it's secret\n")
    return market_job(Settings(home=tmp_path), streaming_settings())  # type: ignore[call-arg]


def test_the_raw_topic_is_read_once(job: list[str]) -> None:
    assert sum("FROM raw_events" in statement for statement in job) == 1


def test_each_table_gets_its_rows_and_the_dead_letters_theirs(job: list[str]) -> None:
    inserts = [statement.splitlines()[0] for statement in job if statement.startswith("INSERT")]

    assert len(inserts) == len(contracts()) + 2
    for contract in contracts():
        schema, name = contract.table.split(".")
        assert any(f"`{schema}`.`{name}`" in insert for insert in inserts)


def test_a_quote_in_a_secret_ends_no_literal(job: list[str]) -> None:
    assert any("'jdbc.password' = 'it''s secret'" in statement for statement in job)


def test_statements_end_at_a_semicolon_that_ends_a_line() -> None:
    assert statements("-- why\nSELECT ';a;b';\n\nSELECT 2;  \n") == ["SELECT ';a;b'", "SELECT 2"]


@given(st.text())
def test_a_literal_holds_any_text(text: str) -> None:
    quoted = literal(text)

    assert quoted[1:-1].replace("''", "'") == text
    assert quoted[1:-1].count("'") % 2 == 0
