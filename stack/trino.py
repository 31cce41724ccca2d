"""Trino: the SQL engine, over TLS with passwords, its rights given by a rules file."""

from __future__ import annotations

import uuid
from contextlib import closing
from typing import TYPE_CHECKING

from stack.artefacts import needed
from stack.connections import CATALOG_DATABASE, POSTGRES_USER, trino_connection
from stack.java import JAVA
from stack.rendering import render
from stack.services import File, Service
from stack.unpacking import unpacked_path

if TYPE_CHECKING:
    from stack.settings import Settings

READABLE_SCHEMAS = ("staging", "core", "marts")
"""What the user `analyst` may read."""


def service(lake: Settings) -> Service:
    """The one Trino server: coordinator and worker in one."""
    etc = lake.run / "trino" / "etc"
    return Service(
        name="trino",
        command=(str(JAVA), f"@{etc / 'java.args'}", "io.trino.server.TrinoServer"),
        cwd=lake.run / "trino",
        after=("postgres",),
        ready=lambda: _select_one(lake),
        files=_files(lake),
        prepare=lambda: _make_directories(lake),
        memory_budget_mb=lake.trino_heap_mb + 900,
        ports=("trino", "trino_http"),
        url=f"https://{lake.address('trino')}",
        stop_within_s=20,
    )


def _files(lake: Settings) -> tuple[File, ...]:
    home, run = unpacked_path(lake, needed("trino")[0]), lake.run / "trino"
    etc = run / "etc"
    node_id = uuid.uuid5(uuid.NAMESPACE_URL, str(lake.home))
    catalog = render(
        "trino.catalog.properties",
        lake=lake,
        database=CATALOG_DATABASE,
        user=POSTGRES_USER,
        password=lake.secret("postgres.password"),
    )
    rules = render("trino.rules.json", catalog=lake.catalog, readable=READABLE_SCHEMAS)
    config = render(
        "trino.config.properties",
        lake=lake,
        home=home,
        etc=etc,
        node_id=node_id,
        shared_secret=lake.secret("trino.shared-secret"),
    )
    return (
        File(etc / "java.args", render("trino.java", lake=lake, home=home, etc=etc, tmp=run / "tmp")),
        File(etc / "config.properties", config, 0o600),
        File(etc / "log.properties", render("trino.log.properties")),
        File(etc / "rules.json", rules),
        File(etc / "catalog" / f"{lake.catalog}.properties", catalog, 0o600),
        File(etc / "catalog" / "tpch.properties", "connector.name=tpch\ntpch.splits-per-node=2\n"),
        File(
            etc / "password-authenticator.properties",
            f"password-authenticator.name=file\nfile.password-file={lake.secrets}/trino.password.db\n",
        ),
        File(
            etc / "access-control.properties",
            f"access-control.name=file\nsecurity.config-file={etc}/rules.json\nsecurity.refresh-period=5s\n",
        ),
    )


def _make_directories(lake: Settings) -> None:
    (lake.run / "trino" / "tmp").mkdir(parents=True, exist_ok=True)
    lake.warehouse.mkdir(parents=True, exist_ok=True, mode=0o700)


def _select_one(lake: Settings) -> str | None:
    """A server that says it has started still refuses queries for some seconds; the catalog must answer."""
    with closing(trino_connection("pipeline", lake, request_timeout=5, max_attempts=1)) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*) FROM information_schema.schemata")
        cursor.fetchall()
    return None
