"""One lake for all tests that cross rooms, brought up by `make demo` itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import Command

PORT_BASE = 27400


@pytest.fixture(scope="session")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """The `lake` command, on a lake that ends with the tests."""
    home = Path(os.environ.get("LAKE_TEST_HOME") or tmp_path_factory.mktemp("lake"))
    command = Command(home, PORT_BASE)
    yield command
    command.lake("down", check=False)


@pytest.fixture(scope="session")
def demo(command: Command) -> str:
    """What a short `make demo` printed; its lake is up."""
    return command.make("demo", "DURATION=10", "RATE=1000").stdout
