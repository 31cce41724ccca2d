"""`lake sql` and `lake psql`: one statement, or a prompt, against Trino or Postgres."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from enum import StrEnum
from typing import Any

import psycopg
import trino.exceptions
from requests.exceptions import RequestException
from rich.console import Console
from rich.table import Table

from stack.connections import TRINO_USERS, postgres_connection, trino_connection
from stack.exceptions import LakeError, NotRunningError
from stack.settings import Settings

Rows = tuple[list[str], list[Sequence[Any]]]


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


class QueryError(LakeError):
    """The server refused the statement; the message is the server's own."""

    exit_code = 8


def query_trino(lake: Settings, statement: str, user: str) -> Rows:
    """Column names and rows of one statement.

    Raises:
        NotRunningError: Trino does not answer.
        QueryError: it refused the user or the statement.
    """
    if user not in TRINO_USERS:
        raise QueryError(f"no user is called {user!r}; choose one of {', '.join(TRINO_USERS)}")
    try:
        with closing(trino_connection(user, lake)) as connection:
            cursor = connection.cursor()
            cursor.execute(statement.strip().rstrip(";"))
            rows = cursor.fetchall()
            return [column[0] for column in cursor.description or []], rows
    except trino.exceptions.TrinoQueryError as error:
        raise QueryError(f"{error.error_name}: {error.message}") from error
    except (trino.exceptions.HttpError, trino.exceptions.TrinoConnectionError) as error:
        raise NotRunningError(f"Trino refused the connection: {error}; see `lake status`") from error
    except (FileNotFoundError, RequestException) as error:
        raise NotRunningError(f"Trino does not answer at {lake.address('trino')}; run `lake up`") from error


def query_postgres(lake: Settings, statement: str, database: str) -> Rows:
    """Column names and rows of one statement on the catalog's Postgres.

    Raises:
        NotRunningError: Postgres does not answer.
        QueryError: it refused the statement.
    """
    try:
        with postgres_connection(database, lake) as connection:
            cursor = connection.execute(statement.encode())
            if cursor.description is None:
                return ["rows"], [(cursor.rowcount,)]
            return [column.name for column in cursor.description], list(cursor.fetchall())
    except (FileNotFoundError, psycopg.OperationalError) as error:
        raise NotRunningError(
            f"Postgres does not answer at {lake.address('postgres')}: {error}; run `lake up`"
        ) from error
    except psycopg.Error as error:
        raise QueryError(str(error).strip()) from error


def show(rows: Rows, form: Format) -> None:
    """Print rows to standard output."""
    names, values = rows
    if form is Format.CSV:
        csv.writer(sys.stdout).writerows([names, *values])
    elif form is Format.JSON:
        print(json.dumps([dict(zip(names, row, strict=True)) for row in values], default=str, indent=1))
    else:
        table = Table(*names)
        for row in values:
            table.add_row(*("" if value is None else str(value) for value in row))
        Console().print(table)
        Console().print(f"{len(values):,} row{'' if len(values) == 1 else 's'}", highlight=False)


def prompt(name: str, run: Callable[[str], Rows], form: Format) -> None:
    """Read statements, each ending in `;`, and print their rows, until the end of input."""
    interactive = sys.stdin.isatty()
    if interactive:
        print("end a statement with ; and leave with Ctrl-D")
    pending = ""
    while (line := _line(f"{name}{'-' if pending else '>'} " if interactive else "")) is not None:
        pending += line + "\n"
        if line.rstrip().endswith(";"):
            _answer(run, pending.strip().rstrip(";"), form, interactive=interactive)
            pending = ""
    if pending.strip():
        _answer(run, pending.strip(), form, interactive=interactive)


def _line(label: str) -> str | None:
    try:
        return input(label)
    except EOFError:
        return None


def _answer(run: Callable[[str], Rows], statement: str, form: Format, *, interactive: bool) -> None:
    try:
        show(run(statement), form)
    except LakeError as error:
        if not interactive:
            raise
        print(error, file=sys.stderr)
