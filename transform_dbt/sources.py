"""Derives what dbt knows of the raw tables from their contracts: `python -m transform_dbt.sources` writes both files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from governance.contracts import contracts

if TYPE_CHECKING:
    from datetime import timedelta

    from governance.contracts import Contract, Field

STAGING = Path(__file__).parent / "models" / "staging"
COMMAND = "python -m transform_dbt.sources"
_STALE_FACTOR = 5
"""A source is late beyond its promised freshness, and broken beyond this many times it."""


def _age(limit: timedelta) -> dict[str, Any]:
    return {"count": round(limit.total_seconds() / 60), "period": "minute"}


def _name(contract: Contract) -> str:
    return contract.table.partition(".")[2]


def _column(field: Field) -> dict[str, Any]:
    return {"name": field.name, "data_type": field.physical_type, "description": field.description}


def _table(contract: Contract) -> dict[str, Any]:
    name = _name(contract)
    return {
        "name": name,
        "description": contract.description,
        "config": {
            "loaded_at_field": "ingest_ts",
            "freshness": {
                "warn_after": _age(contract.freshness),
                "error_after": _age(_STALE_FACTOR * contract.freshness),
            },
            "meta": {"owner": contract.owner},
        },
        "columns": [_column(field) for field in contract.fields],
        "data_tests": [{"primary_key": {"name": f"raw_{name}_primary_key", "arguments": {"columns": ["event_id"]}}}],
    }


def sources_yaml() -> str:
    """The dbt source `raw`: tables, columns, freshness and the proof that no event landed twice."""
    source = {
        "name": "raw",
        "description": "Market events as they landed from Kafka: deduplicated, typed, otherwise untouched.",
        "database": "{{ target.database }}",
        "schema": "raw",
        "tables": [_table(contract) for contract in contracts()],
    }
    body = yaml.safe_dump({"version": 2, "sources": [source]}, sort_keys=False, allow_unicode=True, width=120)
    return f"# Derived from governance/contracts; renew with `{COMMAND}`.\n{body}"


def docs_markdown() -> str:
    """A dbt doc block per raw column, `<table>_<column>`, so that models repeat no description."""
    blocks = [
        f"{{% docs {_name(contract)}_{field.name} %}}\n{field.description}\n{{% enddocs %}}\n"
        for contract in contracts()
        for field in contract.fields
    ]
    return "\n".join([f"<!-- Derived from governance/contracts; renew with `{COMMAND}`. -->\n", *blocks])


def derived() -> dict[Path, str]:
    """Every derived file with the text that it must have."""
    return {STAGING / "_raw__sources.yml": sources_yaml(), STAGING / "_raw__docs.md": docs_markdown()}


def main() -> None:
    """Write the derived files."""
    for path, text in derived().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
