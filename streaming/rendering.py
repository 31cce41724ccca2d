"""Renders `jobs/*.sql` from the contracts into the statements that Flink runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined

from governance.contracts import DEAD_LETTER_TOPIC, RAW_TOPIC, contracts
from stack.connections import CATALOG_DATABASE, POSTGRES_USER
from streaming import dead_letters
from streaming.flink_rest import MARKET_JOB
from streaming.spec import parser_spec, quoted, table_columns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stack.settings import Settings
    from streaming.settings import StreamingSettings

JOBS = Path(__file__).with_name("jobs")
PARSE, ROUTE, LAND, DEAD_LETTERS = (JOBS / f"{name}.sql" for name in ("parse", "route", "land", "dead_letters"))
MAX_MESSAGE_BYTES = 20 << 20
"""Largest message that Kafka takes; a dead letter may be a whole frame."""

_END_OF_STATEMENT = re.compile(r";\s*$", re.MULTILINE)
_COMMENT = re.compile(r"^--.*$", re.MULTILINE)
_environment = Environment(  # noqa: S701  # SQL, not HTML; literals are quoted by `literal`
    undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def literal(value: object) -> str:
    """A value as an SQL string literal, which is how Flink takes any option."""
    return "'" + str(value).replace("'", "''") + "'"


_environment.filters |= {"quoted": quoted, "literal": literal}


def market_job(lake: Settings, streaming: StreamingSettings) -> list[str]:
    """The statements of the market job."""
    return render((PARSE, ROUTE, LAND, DEAD_LETTERS), variables(lake, streaming))


def render(templates: Iterable[Path], values: dict[str, Any]) -> list[str]:
    """The statements of some SQL templates, one file after the other."""
    texts = (_environment.from_string(path.read_text(encoding="utf-8")).render(values) for path in templates)
    return [statement for text in texts for statement in statements(text)]


def variables(lake: Settings, streaming: StreamingSettings) -> dict[str, Any]:
    """What the templates may use."""
    return {
        "raw_topic": RAW_TOPIC,
        "dead_letter_topic": DEAD_LETTER_TOPIC,
        "routed_topics": [*(contract.topic for contract in contracts()), DEAD_LETTER_TOPIC],
        "kafka": lake.address("kafka"),
        "spec": literal(parser_spec(lake, streaming)),
        "dedupe_window_ms": int(streaming.dedupe_window_h * 3_600_000),
        "transactional_id_prefix": "market-router",
        "transaction_timeout_ms": streaming.transaction_timeout_s * 1000,
        "max_message_bytes": MAX_MESSAGE_BYTES,
        "catalog": lake.catalog,
        "catalog_uri": f"jdbc:postgresql://{lake.address('postgres')}/{CATALOG_DATABASE}",
        "catalog_user": POSTGRES_USER,
        "catalog_password": lake.secret("postgres.password"),
        "warehouse": lake.warehouse.as_uri(),
        "tables": table_columns(RAW_TOPIC),
        "dead_letter_table": dead_letters.TABLE,
        "dead_letter_columns": {column.name: sql for column, sql in dead_letters.columns(streaming).items()},
        "bounded": False,
    }


def statements(text: str) -> list[str]:
    """The statements of an SQL script, without comments; each ends with a semicolon at the end of a line."""
    parts = _END_OF_STATEMENT.split(_COMMENT.sub("", text))
    return [part.strip() for part in parts if part.strip()]


def configuration() -> dict[str, str]:
    """Flink options of the market job, on top of the cluster's."""
    return {
        "pipeline.name": MARKET_JOB,
        "pipeline.object-reuse": "true",
        "table.local-time-zone": "UTC",
        "table.optimizer.reuse-optimize-block-with-digest-enabled": "true",
    }
