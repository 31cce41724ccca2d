"""The closing table: what each layer holds, how fresh it is, and where to go from here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from trino.exceptions import TrinoConnectionError, TrinoUserError

from quality.exceptions import LayerUnavailableError
from stack.connections import trino_connection
from stack.settings import Settings

LAYERS = ("raw", "core", "marts")
HINTS = """
Query further:
  ./lake sql "select * from marts.mart_ohlcv_1m order by minute_at desc limit 10"
  ./lake sql --user analyst "show tables from core"
  any Trino client: https://{url}, user analyst, password in {secrets}/trino.analyst.password,
  certificate authority {secrets}/ca.pem
  ./lake stream --duration 30 for more trades, ./lake status for what runs, make down to stop"""
QUERIES = Path(__file__).parent / "queries"


@dataclass(frozen=True)
class Holding:
    """What one table holds."""

    layer: str
    table: str
    rows: int
    newest: datetime | None
    """Newest event or ingest time in the table, UTC; None where the table keeps no time or is empty."""


def summarize(lake: Settings, console: Console) -> None:
    """Print the closing table.

    Raises:
        LayerUnavailableError: Trino does not answer, or nothing was modelled yet.
    """
    try:
        with trino_connection("analyst", lake) as trino, trino_connection("pipeline", lake) as pipeline:
            console.print(_layers(holdings(pipeline)))
            console.print(_symbols(_query(trino, "most_traded.sql")))
    except (TrinoConnectionError, TrinoUserError) as error:
        raise LayerUnavailableError(
            f"cannot summarize: {error}; `lake status` and `lake dbt build` may help"
        ) from error
    console.print(_hints(lake))


def holdings(trino: Any) -> list[Holding]:
    """Rows and newest time of every table of the layers, in the order of the flow."""
    counts = [_count(*row) for row in _query(trino, "tables.sql")]
    if not counts:
        return []
    found = [Holding(*row) for row in _rows(trino, "\nunion all ".join(counts))]
    return sorted(found, key=lambda holding: (LAYERS.index(holding.layer), holding.table))


def _count(layer: str, table: str, time_column: str | None) -> str:
    newest = f'max("{time_column}")' if time_column else "cast(null as timestamp(6) with time zone)"
    return f"select '{layer}', '{table}', count(*), {newest} from \"{layer}\".\"{table}\""  # noqa: S608


def _query(trino: Any, name: str) -> list[Any]:
    return _rows(trino, (QUERIES / name).read_text(encoding="utf-8"))


def _rows(trino: Any, sql: str) -> list[Any]:
    cursor = trino.cursor()
    cursor.execute(sql)
    rows: list[Any] = cursor.fetchall()
    return rows


def _layers(found: list[Holding]) -> Table:
    table = Table("layer", "table", title="What the lake holds", title_justify="left")
    table.add_column("rows", justify="right")
    table.add_column("newest data", justify="right")
    now = datetime.now(UTC)
    for holding in found:
        table.add_row(holding.layer, holding.table, f"{holding.rows:,}", _age(now, holding.newest))
    return table


def _age(now: datetime, newest: datetime | None) -> str:
    if newest is None:
        return "-"
    return f"{timedelta(seconds=int((now - newest).total_seconds()))} ago"


def _symbols(rows: list[Any]) -> Table:
    table = Table("symbol", "security", title="Most traded", title_justify="left")
    for column in ("trades", "volume", "notional", "vwap"):
        table.add_column(column, justify="right")
    for symbol, name, trades, volume, notional, vwap in rows:
        table.add_row(symbol, name, f"{trades:,}", f"{volume:,}", f"{notional:,.2f}", f"{vwap:,.4f}")
    return table


def _hints(lake: Settings) -> str:
    return HINTS.format(url=lake.address("trino"), secrets=lake.secrets)
