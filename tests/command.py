"""The `lake` command as a person uses it: a process of its own, on a lake of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stack.settings import REPO, Settings


@dataclass(frozen=True)
class Command:
    """Runs `make` and `./lake` against one lake."""

    home: Path
    port_base: int

    @property
    def settings(self) -> Settings:
        """The same lake, for what a test reads directly."""
        return Settings(home=self.home, port_base=self.port_base)

    @property
    def environment(self) -> dict[str, str]:
        """The caller's environment, pointed at this lake."""
        return {**os.environ, "LAKE_HOME": str(self.home), "LAKE_PORT_BASE": str(self.port_base)}

    def lake(self, *arguments: str, within: float = 300, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `./lake`; a failure shows what it printed."""
        return self._run([str(REPO / "lake"), *arguments], within, check)

    def make(self, target: str, *variables: str, within: float = 900) -> subprocess.CompletedProcess[str]:
        """Run a make target."""
        return self._run(["make", "--no-print-directory", target, *variables], within, check=True)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Run `./lake` beside the test."""
        return subprocess.Popen(
            [str(REPO / "lake"), *arguments],
            cwd=REPO,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def pid(self, service: str) -> int:
        """Process id of a service, as `lake status` tells it."""
        listed = json.loads(self.lake("status", "--json", check=False).stdout)["services"]
        return int(next(each["pid"] for each in listed if each["name"] == service))

    def kill(self, service: str) -> int:
        """`kill -9` a service, or the supervisor itself; returns the pid it had."""
        pid = self.pid(service)
        os.kill(pid, signal.SIGKILL)
        return pid

    def count(self, sql: str) -> int:
        """A query's single number, as `lake sql` prints it."""
        return int(self.lake("sql", "--format", "csv", sql).stdout.strip().splitlines()[-1].strip('"'))

    def _run(self, command: list[str], within: float, check: bool) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=REPO, env=self.environment, capture_output=True, text=True, timeout=within, check=False
        )
        if check:
            assert done.returncode == 0, f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done


def eventually(holds: Callable[[], bool], what: str, within: float = 60) -> None:
    """Poll until something holds.

    Raises:
        AssertionError: it did not hold in time.
    """
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, f"after {within:.0f} s still not: {what}"
        time.sleep(0.2)
