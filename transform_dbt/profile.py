"""The dbt profile of a lake: how `dbt` reaches its Trino, and the environment that dbt then runs in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from stack import rendering
from stack.services import File
from stack.settings import REPO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stack.settings import Settings

PROJECT = Path(__file__).parent
DEFAULT_HOME = REPO / ".lake"
USER = "pipeline"
_THREADS = 2
_CA_OVERRIDES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables by which Python's requests library would distrust the lake's own certificate authority."""


def directory(lake: Settings) -> Path:
    """Where the lake's `profiles.yml` lies."""
    return lake.run / "dbt"


def profile(lake: Settings) -> dict[str, Any]:
    """The content of `profiles.yml`.

    Raises:
        FileNotFoundError: the lake was never brought up, so that there is no password yet.
    """
    trino = {
        "type": "trino",
        "method": "ldap",
        "host": lake.host,
        "port": lake.port("trino"),
        "user": USER,
        "password": lake.secret(f"trino.{USER}.password"),
        "cert": str(lake.secrets / "ca.pem"),
        "database": lake.catalog,
        "schema": "staging",
        "threads": _THREADS,
        "timezone": "UTC",
    }
    return {"tradelake": {"target": lake.catalog, "outputs": {lake.catalog: trino}}}


def write(lake: Settings) -> None:
    """Write the profile, readable by its owner alone, and link the default lake's into the project.

    dbt finds a `profiles.yml` in its working directory, so that plain `dbt build` inside the project just works.
    """
    target = directory(lake) / "profiles.yml"
    rendering.write(File(target, yaml.safe_dump(profile(lake), sort_keys=False), 0o600))
    if lake.home.resolve() == DEFAULT_HOME.resolve():
        _link(PROJECT / "profiles.yml", target)


def _link(link: Path, target: Path) -> None:
    if link.is_symlink():
        link.unlink()
    if not link.exists():
        link.symlink_to(os.path.relpath(target, link.parent))


def environment(lake: Settings, inherited: Mapping[str, str]) -> dict[str, str]:
    """What a dbt process for this lake has in its environment; no secret is among it."""
    kept = {name: value for name, value in inherited.items() if name not in _CA_OVERRIDES}
    return kept | {
        "DBT_PROJECT_DIR": str(PROJECT),
        "DBT_PROFILES_DIR": str(directory(lake)),
        "DBT_TARGET_PATH": str(directory(lake) / "target"),
        "DBT_LOG_PATH": str(lake.logs / "dbt"),
    }
