"""Postgres and Trino alone, on a lake of their own: all that dbt needs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import startup
from stack.settings import REPO, Settings

PORT_BASE = 25400


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The settings of a lake with Postgres and Trino up, and no table in it."""
    home = Path(os.environ.get("LAKE_TEST_HOME") or tmp_path_factory.mktemp("dbt-lake"))
    lake = Settings(home=home, port_base=PORT_BASE)  # type: ignore[call-arg]
    place = {"LAKE_HOME": str(home), "LAKE_PORT_BASE": str(PORT_BASE), "PYTHONPATH": str(REPO)}
    started = subprocess.run(
        [sys.executable, "-m", "transform_dbt.tests_py.engine"],
        env=os.environ | place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert started.returncode == 0, started.stdout + started.stderr
    yield lake
    startup.down(lake)
