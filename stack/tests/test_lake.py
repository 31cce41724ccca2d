"""A whole lake, seen from outside: what is up, who may do what, and what survives."""

from __future__ import annotations

from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

from stack.settings import Settings
from stack.status import status

RunLake = Callable[..., CompletedProcess[str]]
pytestmark = pytest.mark.integration


def _pids(lake: Settings) -> dict[str, int | None]:
    return {each.name: each.pid for each in status(lake)}


def test_up_leaves_a_lake_alone_that_is_up(lake: Settings, run_lake: RunLake) -> None:
    before = _pids(lake)
    run_lake("up")
    assert _pids(lake) == before
    assert all(each.ready for each in status(lake))
