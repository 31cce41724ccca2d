"""One whole lake for the integration tests of every room, brought up as a person would."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stack.settings import PORT_OFFSETS, REPO, Settings

UP_WITHIN_S = 600
PORT_BASES = range(20000, 32000, 100)
RunLake = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def lake_env() -> Iterator[dict[str, str]]:
    """Environment for any process that is to work on the tests' lake; asking for it starts nothing."""
    home = Path(tempfile.mkdtemp(prefix="lake-test-"))
    home.chmod(0o711)  # pytest's own directories are closed to the user that Postgres runs as when we are root
    yield {**os.environ, "LAKE_HOME": str(home), "LAKE_PORT_BASE": str(_free_port_base())}
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def run_lake(lake_env: dict[str, str]) -> RunLake:
    """Runs `./lake` with some arguments on the tests' lake; a failure shows what it printed."""

    def run(*arguments: str, check: bool = True, within_s: float = 300) -> subprocess.CompletedProcess[str]:
        command = [str(REPO / "lake"), *arguments]
        done = subprocess.run(
            command, cwd=REPO, env=lake_env, capture_output=True, text=True, timeout=within_s, check=False
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}", pytrace=False)
        return done

    return run


@pytest.fixture(scope="session")
def lake(lake_env: dict[str, str], run_lake: RunLake) -> Iterator[Settings]:
    """Settings of a lake that is up, and goes down and away when the tests end."""
    try:
        run_lake("up", within_s=UP_WITHIN_S)
        yield Settings(home=Path(lake_env["LAKE_HOME"]), port_base=int(lake_env["LAKE_PORT_BASE"]))  # type: ignore[call-arg]
    finally:
        run_lake("down")


def _free_port_base() -> int:
    """A base whose ports can all be bound now, outside the range that systems give out by themselves."""
    first = os.getpid() % len(PORT_BASES)
    bases: list[int] = [*PORT_BASES[first:], *PORT_BASES[:first]]
    for base in bases:
        if all(_is_free(base + offset) for offset in PORT_OFFSETS.values()):
            return base
    raise RuntimeError(f"no free ports between {PORT_BASES.start} and {PORT_BASES.stop}")


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
