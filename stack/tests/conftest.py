"""A lake's settings in a directory of its own, for tests that start no server."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.settings import Settings


@pytest.fixture
def bare_lake(tmp_path: Path) -> Settings:
    """Settings of a lake that was never brought up, with an empty cache."""
    return Settings(home=tmp_path / "lake", cache=tmp_path / "cache", port_base=19000)  # type: ignore[call-arg]
