"""Postgres: the Iceberg catalog's database (and, later, the brokerage's)."""

from __future__ import annotations

import ipaddress
import os
import shutil
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from stack.artefacts import needed
from stack.connections import CATALOG_DATABASE, POSTGRES_USER, postgres_connection
from stack.exceptions import StartError
from stack.rendering import TEMPLATES, render
from stack.services import File, Service
from stack.unpacking import unpacked_path
from stack.unprivileged import owner

if TYPE_CHECKING:
    from pathlib import Path

    from stack.settings import Settings


def service(lake: Settings) -> Service:
    """The one Postgres server of the lake."""
    home = unpacked_path(lake, needed("postgres")[0])
    run, data = lake.run / "postgres", lake.data / "postgres"
    files = (
        File(run / "postgresql.conf", render("postgresql.conf", lake=lake)),
        File(run / "pg_hba.conf", render("pg_hba.conf", loopback=is_loopback(lake.host))),
    )
    settings_of = [f"--config-file={files[0].path}", f"--hba-file={files[1].path}"]
    return Service(
        name="postgres",
        command=(*_launcher(data), str(home / "bin" / "postgres"), "-D", str(data), *settings_of),
        ready=lambda: _select_one(lake),
        files=files,
        prepare=lambda: _initialise(lake, home, data),
        settle=lambda: _create_catalog(lake),
        memory_budget_mb=250,
        ports=("postgres",),
        url=f"postgresql://{POSTGRES_USER}@{lake.address('postgres')}/{CATALOG_DATABASE}",
        stop_signal="INT",
    )


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own, out of others' reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _launcher(data: Path) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", "stack.postgres_process", str(data))


def _select_one(lake: Settings) -> str | None:
    with closing(_maintenance_connection(lake)) as connection:
        connection.execute("SELECT 1")
    return None


def _maintenance_connection(lake: Settings) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=lake.host,
        port=lake.port("postgres"),
        user=POSTGRES_USER,
        password=lake.secret("postgres.password"),
        dbname="postgres",
        connect_timeout=2,
        autocommit=True,
    )


def _initialise(lake: Settings, home: Path, data: Path) -> None:
    """Make the database cluster beside its place and move it in whole, so that none is ever half made."""
    if (data / "PG_VERSION").exists():
        return
    work = data.with_name(".postgres.new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o711, parents=True)
    cluster, password = work / "cluster", work / "password"
    cluster.mkdir(mode=0o700)
    password.touch(mode=0o600)
    password.write_text(lake.secret("postgres.password"), encoding="utf-8")
    user = owner()
    if user is not None:
        for path in (cluster, password):
            os.chown(path, user.pw_uid, user.pw_gid)
    command = [*_launcher(cluster), str(home / "bin" / "initdb"), "-D", str(cluster), "-U", POSTGRES_USER]
    command += [f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8"]
    command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        raise StartError(f"initdb could not make {data}: {(done.stderr or done.stdout).strip()}")
    cluster.rename(data)
    shutil.rmtree(work)


def _create_catalog(lake: Settings) -> None:
    """The catalog's database and its two tables, if missing."""
    with closing(_maintenance_connection(lake)) as server:
        found = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [CATALOG_DATABASE]).fetchone()
        if not found:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(CATALOG_DATABASE)))
    with closing(postgres_connection(lake=lake)) as catalog, catalog:
        catalog.execute((TEMPLATES / "catalog.sql").read_bytes())
