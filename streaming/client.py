"""Runs in the `flink` environment: submits the statements of a plan file as one Flink job, and prints its id.

The plan is JSON: `jar`, `configuration` and `statements`. Nothing of this runs in the job itself.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from pyflink.table import EnvironmentSettings, TableEnvironment

VIEW = re.compile(r"CREATE\s+TEMPORARY\s+VIEW\s+(\w+)\s+AS\s+(.*)", re.DOTALL | re.IGNORECASE)


def submit(plan: dict[str, Any]) -> str:
    """Submit the plan; returns the job's id."""
    tables = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    for key, value in plan["configuration"].items():
        tables.get_config().set(key, value)
    tables.execute_sql(f"ADD JAR '{plan['jar']}'")
    inserts = tables.create_statement_set()
    for statement in plan["statements"]:
        if view := VIEW.fullmatch(statement):
            # Planned here, once: an SQL view would be planned, and its functions be called, for each reader.
            name, query = view.groups()
            tables.create_temporary_view(name, tables.sql_query(query))
        elif statement.upper().startswith("INSERT"):
            inserts.add_insert_sql(statement)
        else:
            tables.execute_sql(statement)
    if plan.get("explain"):
        return str(inserts.explain())
    return str(inserts.execute().get_job_client().get_job_id())


if __name__ == "__main__":
    print(submit(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
