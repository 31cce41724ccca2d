"""Rewrites small files of the raw tables and drops old snapshots, beside the running job."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from governance.contracts import contracts
from stack.connections import iceberg_catalog, trino_connection
from streaming.checkpoints import COMMITTED
from streaming.dead_letters import TABLE as DEAD_LETTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import trino.dbapi
    from pyiceberg.table import Table

    from stack.settings import Settings

TARGET_MB = 128


def compact(lake: Settings, retention_h: float) -> Iterator[str]:
    """Compact every raw table; yields a line about each when it is done.

    The job commits appends, which never conflict with a rewrite of files that were there before. Flink finds what it
    has committed in its own last snapshot, however many compactions follow; so snapshots are dropped only while that
    one is younger than `retention_h`, and stays.
    """
    catalog = iceberg_catalog(lake)
    with trino_connection("pipeline", lake) as connection:
        for identifier in [*(contract.table for contract in contracts()), DEAD_LETTERS]:
            before = _files(catalog.load_table(identifier))
            _run(connection, f"ALTER TABLE {identifier} EXECUTE optimize(file_size_threshold => '{TARGET_MB}MB')")
            table = catalog.load_table(identifier)
            line = f"{identifier}: {before} -> {_files(table)} files"
            if may_expire(table, retention_h):
                snapshots = len(table.snapshots())
                _expire(connection, identifier, retention_h)
                line += f", {snapshots} -> {len(catalog.load_table(identifier).snapshots())} snapshots"
            else:
                line += f"; kept all snapshots, for Flink's last is not within {retention_h:g} h"
            yield line


def may_expire(table: Table, retention_h: float) -> bool:
    """Whether Flink's last snapshot is young enough to outlive an expiry of `retention_h`."""
    marks = [each.timestamp_ms for each in table.snapshots() if each.summary and each.summary.get(COMMITTED)]
    return bool(marks) and max(marks) / 1000 > time.time() - retention_h * 3600 * 0.9


def _files(table: Table) -> int:
    snapshot = table.current_snapshot()
    return int(snapshot.summary.get("total-data-files") or 0) if snapshot and snapshot.summary else 0


def _expire(connection: trino.dbapi.Connection, identifier: str, retention_h: float) -> None:
    seconds = f"{int(retention_h * 3600)}s"
    catalog = connection.cursor().execute("SELECT current_catalog").fetchone()[0]
    _run(connection, f"SET SESSION {catalog}.expire_snapshots_min_retention = '{seconds}'")
    _run(connection, f"ALTER TABLE {identifier} EXECUTE expire_snapshots(retention_threshold => '{seconds}')")


def _run(connection: trino.dbapi.Connection, sql: str) -> None:
    connection.cursor().execute(sql).fetchall()
