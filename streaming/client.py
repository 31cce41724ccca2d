"""Runs in the `flink` environment: submits the statements of a plan file as one Flink job, and prints its id.

The plan is JSON: `jar`, `configuration` and `statements`. Nothing of this runs in the job itself.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway
from pyflink.table import StreamTableEnvironment, Table

VIEW = re.compile(r"CREATE\s+TEMPORARY\s+VIEW\s+(\w+)\s+AS\s+(.*)", re.DOTALL | re.IGNORECASE)
KEEP_FIRST = re.compile(r"KEEP\s+FIRST\s+OF\s+(\w+)\s+AS\s+(\w+)\s+FOR\s+(\d+)\s+MS", re.IGNORECASE)


def submit(plan: dict[str, Any]) -> str:
    """Submit the plan; returns the job's id."""
    environment = remote_environment(plan["configuration"])
    environment.add_jars(Path(plan["jar"]).as_uri())
    tables = StreamTableEnvironment.create(environment)
    inserts = tables.create_statement_set()
    views: dict[str, Table] = {}
    for statement in plan["statements"]:
        if view := VIEW.fullmatch(statement):
            # Planned here, once: an SQL view would be planned, and its functions be called, for each reader.
            name, query = view.groups()
            views[name] = tables.sql_query(query)
            tables.create_temporary_view(name, views[name])
        elif keep := KEEP_FIRST.fullmatch(statement):
            rows, first, window_ms = keep.groups()
            tables.drop_temporary_view(rows)
            keep_first(tables, views[rows], rows, first, window_ms)
        elif statement.upper().startswith("INSERT"):
            inserts.add_insert_sql(statement)
        else:
            tables.execute_sql(statement)
    if plan.get("explain"):
        return str(inserts.explain())
    return str(inserts.execute().get_job_client().get_job_id())


def remote_environment(options: dict[str, str]) -> StreamExecutionEnvironment:
    """An environment that submits to the cluster; the one that PyFlink makes by itself starts a cluster of its own."""
    gateway = get_gateway()
    configuration = Configuration()
    for key, value in options.items():
        configuration.set_string(key, value)
    environments = gateway.jvm.org.apache.flink.streaming.api.environment.StreamExecutionEnvironment
    host, port = options["rest.address"], int(options["rest.port"])
    no_jars = gateway.new_array(gateway.jvm.String, 0)
    return StreamExecutionEnvironment(
        environments.createRemoteEnvironment(host, port, configuration._j_configuration, no_jars)
    )


def keep_first(tables: StreamTableEnvironment, rows: Table, name: str, first: str, window_ms: str) -> None:
    """Our one extension of SQL: `KEEP FIRST OF name AS first FOR n MS`, see KeepFirst.java."""
    gateway = get_gateway()
    loader = gateway.jvm.Thread.currentThread().getContextClassLoader()
    register = next(m for m in loader.loadClass("tradelake.KeepFirst").getMethods() if m.getName() == "register")
    arguments = gateway.new_array(gateway.jvm.Object, 5)
    for position, argument in enumerate(
        (tables._j_tenv, rows._j_table, name, first, gateway.jvm.Long.valueOf(window_ms))
    ):
        arguments[position] = argument
    register.invoke(None, arguments)


if __name__ == "__main__":
    print(submit(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
