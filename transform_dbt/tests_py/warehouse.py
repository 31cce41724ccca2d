"""What the integration tests do to a lake: land events, run dbt, read tables."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from governance.contracts import Contract, contracts
from stack.connections import trino_connection
from stack.settings import Settings
from transform_dbt import profile

Row = dict[str, Any]
MODELLED = ("staging", "core", "marts")


class Warehouse:
    """One lake, seen by the tests."""

    def __init__(self, lake: Settings) -> None:
        self.lake = lake
        self.contracts: dict[str, Contract] = {each.event_type: each for each in contracts()}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        with closing(trino_connection(lake=self.lake)) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]

    def rows(self, sql: str) -> list[Row]:
        """Rows of a query, by column name."""
        with closing(trino_connection(lake=self.lake)) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            found = cursor.fetchall()
            return [dict(zip((column[0] for column in cursor.description), row, strict=True)) for row in found]

    def clear(self) -> None:
        """Take away the events that other tests left, and all that dbt made of any."""
        for contract in self.contracts.values():
            self.query(f"delete from {contract.table}")
        for schema in MODELLED:
            for name, kind in self.query(
                f"select table_name, table_type from information_schema.tables where table_schema = '{schema}'"
            ):
                self.query(f'drop {"view" if kind == "VIEW" else "table"} {schema}."{name}"')

    def land(self, event_type: str, events: Sequence[Row]) -> None:
        """Append events to their raw table."""
        contract = self.contracts[event_type]
        tuples = (
            "(" + ", ".join(literal(event.get(field.name), field.physical_type) for field in contract.fields) + ")"
            for event in events
        )
        columns = ", ".join(field.name for field in contract.fields)
        self.query(f"insert into {contract.table} ({columns}) values {', '.join(tuples)}")

    def dbt(self, *arguments: str) -> Path:
        """Run dbt as `lake dbt` does; returns the directory of its artefacts.

        Raises:
            AssertionError: dbt failed; shows what it printed.
        """
        profile.write(self.lake)
        environment = profile.environment(self.lake, os.environ)
        dbt = Path(sys.executable).with_name("dbt")
        done = subprocess.run(
            [dbt, "--no-use-colors", *arguments], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return Path(environment["DBT_TARGET_PATH"])

    def files_of(self, table: str, day: date) -> list[Path]:
        """Data files of one trading day of a table."""
        found = self.query(f"""select "$path" from {table} where trading_day = date '{day}' group by 1""")
        return [Path(path.removeprefix("file://")) for (path,) in found]

    @contextmanager
    def hidden(self, *paths: Path) -> Iterator[None]:
        """Whoever reads one of these files meanwhile fails."""
        assert paths, "no file to hide"
        aside = {path: path.with_suffix(".hidden") for path in paths}
        for path, hidden in aside.items():
            path.rename(hidden)
        try:
            yield
        finally:
            for path, hidden in aside.items():
                hidden.rename(path)


def literal(value: Any, physical_type: str) -> str:
    """A value as a Trino literal."""
    match value:
        case None:
            return "null"
        case datetime():
            return f"timestamp '{value:%Y-%m-%d %H:%M:%S.%f} UTC'"
        case date():
            return f"date '{value}'"
        case int() | Decimal():
            return f"cast({value} as {physical_type})"
        case _:
            return f"'{value}'"
