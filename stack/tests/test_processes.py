from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import psutil
import pytest

from stack.processes import MARK_LAKE, MARK_SERVICE, end, lake_mark, lake_processes, listeners, orphans
from stack.settings import Settings

SLEEPS = "import signal; print('up', flush=True); signal.pause()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {SLEEPS!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


class Started(NamedTuple):
    """A process, and the first line that it printed."""

    process: psutil.Process
    line: str


Start = Callable[[str, Settings], Started]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a Python program as a service of a lake; all end with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str, lake: Settings) -> Started:
        environment = {**os.environ, MARK_LAKE: lake_mark(lake), MARK_SERVICE: "thing"}
        started.append(subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE))
        output = started[-1].stdout
        assert output is not None
        with output:
            return Started(psutil.Process(started[-1].pid), output.readline().decode().strip())

    yield start
    for process in psutil.Process().children(recursive=True):
        process.kill()
    for popen in started:
        popen.wait(timeout=10)


def test_a_marked_process_without_supervisor_is_an_orphan(bare_lake: Settings, start: Start) -> None:
    process, _ = start(SLEEPS, bare_lake)
    assert orphans(bare_lake, None) == {process: "thing"}


def test_another_lakes_process_is_left_alone(bare_lake: Settings, start: Start) -> None:
    start(SLEEPS, bare_lake)
    other = bare_lake.model_copy(update={"home": bare_lake.home.with_name("other")})
    assert lake_processes(other) == {}


def test_descendants_of_the_supervisor_are_no_orphans(bare_lake: Settings, start: Start) -> None:
    parent, child = start(PARENT, bare_lake)
    assert {process.pid for process in lake_processes(bare_lake)} == {parent.pid, int(child)}
    assert orphans(bare_lake, parent.pid) == {}


def test_children_of_a_killed_supervisor_are_orphans(bare_lake: Settings, start: Start) -> None:
    parent, child = start(PARENT, bare_lake)
    parent.send_signal(signal.SIGKILL)
    parent.wait(timeout=10)
    assert [process.pid for process in orphans(bare_lake, parent.pid)] == [int(child)]
    end(orphans(bare_lake, None))
    assert not psutil.pid_exists(int(child)) or psutil.Process(int(child)).status() == psutil.STATUS_ZOMBIE


def test_end_kills_who_does_not_listen(bare_lake: Settings, start: Start) -> None:
    process, _ = start(DEAF, bare_lake)
    end([process], within_s=0.2)
    assert not process.is_running()


def test_finds_who_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = listeners([psutil.Process()])
        assert found[server.getsockname()[:2]].pid == os.getpid()
