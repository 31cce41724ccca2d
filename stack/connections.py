"""Ready-made connections to the lake's servers, so that no room spells out an address or a password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

from stack.settings import Settings, settings

if TYPE_CHECKING:
    import psycopg
    import trino.dbapi
    from pyiceberg.catalog.sql import SqlCatalog

POSTGRES_USER = "lake"
CATALOG_DATABASE = "lake_catalog"
TRINO_USERS = ("admin", "pipeline", "analyst")


def trino_connection(user: str = "pipeline", lake: Settings | None = None, **kwargs: Any) -> trino.dbapi.Connection:
    """Open a Trino DB-API connection over TLS as one of `TRINO_USERS`.

    `REQUESTS_CA_BUNDLE` would override the lake's own certificate authority, so the session ignores the environment.
    """
    from trino.auth import BasicAuthentication
    from trino.dbapi import connect

    lake = lake or settings()
    session = requests.Session()
    session.trust_env = False
    session.verify = str(lake.secrets / "ca.pem")
    connection: trino.dbapi.Connection = connect(
        host=lake.host,
        port=lake.port("trino"),
        user=user,
        auth=BasicAuthentication(user, lake.secret(f"trino.{user}.password")),
        http_scheme="https",
        http_session=session,
        catalog=kwargs.pop("catalog", lake.catalog),
        **kwargs,
    )
    return connection


def postgres_connection(database: str = CATALOG_DATABASE, lake: Settings | None = None) -> psycopg.Connection[Any]:
    """Open a Postgres connection to one of the lake's databases."""
    import psycopg

    lake = lake or settings()
    return psycopg.connect(
        host=lake.host,
        port=lake.port("postgres"),
        user=POSTGRES_USER,
        password=lake.secret("postgres.password"),
        dbname=database,
    )


def iceberg_catalog(lake: Settings | None = None) -> SqlCatalog:
    """The shared Iceberg JDBC catalog, through PyIceberg."""
    from pyiceberg.catalog.sql import SqlCatalog

    lake = lake or settings()
    password = lake.secret("postgres.password")
    return SqlCatalog(
        lake.catalog,
        uri=f"postgresql+psycopg2://{POSTGRES_USER}:{password}@{lake.address('postgres')}/{CATALOG_DATABASE}",
        warehouse=lake.warehouse.as_uri(),
        init_catalog_tables="false",
    )


def kafka_config(lake: Settings | None = None, **overrides: Any) -> dict[str, Any]:
    """Configuration of librdkafka that reaches the lake's broker."""
    lake = lake or settings()
    return {"bootstrap.servers": lake.address("kafka"), **overrides}
