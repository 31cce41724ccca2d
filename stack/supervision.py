"""Keeps the services running through supervisor: its configuration, its life, and the calls we make to it."""

from __future__ import annotations

import hashlib
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
from supervisor.xmlrpc import SupervisorTransport

from stack.exceptions import NotRunningError, StartError
from stack.processes import MARK_LAKE, MARK_SERVICE, end, lake_mark
from stack.rendering import render, write
from stack.services import File, Service, start_depths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stack.settings import Settings

SOCKET_PATH_LIMIT = 85
"""Bytes: the shortest limit of our systems is 104, and supervisor first adds its process number."""
STARTS_WITHIN_S = 20
RUNNING = ("RUNNING", "STARTING", "BACKOFF")
_NO_FILE, _BAD_NAME, _NOT_RUNNING, _ALREADY_STARTED = 20, 10, 70, 60


class ProgramState(NamedTuple):
    """What supervisor knows of one service."""

    state: str
    """STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL or UNKNOWN."""
    pid: int
    started_at: int
    """Unix time of the last start, 0 if never."""
    explanation: str


class Supervisor:
    """The supervisor of one lake."""

    def __init__(self, lake: Settings) -> None:
        self.lake = lake
        self.run = lake.run / "supervisor"
        self.configuration = self.run / "supervisord.conf"

    @property
    def socket(self) -> Path:
        """Where supervisor listens; in a short private directory when the lake's own path is too long for a socket."""
        own = self.run / "supervisor.sock"
        if len(os.fsencode(own)) <= SOCKET_PATH_LIMIT:
            return own
        short = Path(tempfile.gettempdir()) / f"tradelake-{os.geteuid()}"
        return short / f"{hashlib.sha256(os.fsencode(self.lake.home)).hexdigest()[:12]}.sock"

    def pid(self) -> int | None:
        """Process number of the living supervisor, found by its configuration file and never by a stale pid file."""
        for process in psutil.process_iter():
            try:
                arguments = process.cmdline()
            except psutil.Error:
                continue
            if str(self.configuration) in arguments and "stack.supervisor_process" in arguments:
                return process.pid
        return None

    def is_running(self) -> bool:
        """Whether supervisor answers."""
        try:
            self._call("getState")
        except NotRunningError:
            return False
        return True

    def configure(self, services: Sequence[Service]) -> None:
        """Write what supervisor is to know of the services; a running one takes notice at `update`."""
        programs = self.run / "programs"
        programs.mkdir(parents=True, exist_ok=True)
        self._make_socket_directory()
        text = render("supervisord.conf", lake=self.lake, run=self.run, socket=self.socket, file_limit=_file_limit())
        write(File(self.configuration, text, 0o600))
        depths = start_depths(services)
        for service in services:
            write(File(programs / f"{service.name}.conf", self._program(service, depths[service.name]), 0o600))
        for stale in set(programs.glob("*.conf")) - {programs / f"{service.name}.conf" for service in services}:
            stale.unlink()

    def _make_socket_directory(self) -> None:
        directory = self.socket.parent
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory != self.run and (directory.is_symlink() or directory.stat().st_uid != os.geteuid()):
            raise StartError(f"{directory} belongs to someone else: set TMPDIR, or LAKE_HOME to a shorter path")

    def _program(self, service: Service, depth: int) -> str:
        directory = service.cwd or self.lake.run / service.name
        directory.mkdir(parents=True, exist_ok=True)
        environment = {
            **{f"LAKE_{name.upper()}": str(value) for name, value in self.lake.model_dump().items()},
            **service.env,
            MARK_LAKE: lake_mark(self.lake),
            MARK_SERVICE: service.name,
            "LAKE_FINGERPRINT": service.fingerprint,
        }
        return render(
            "program.conf",
            service=service,
            priority=100 + depth,
            command=_escape(shlex.join(service.command)),
            directory=_escape(str(directory)),
            environment=",".join(f'{key}="{_escape_value(value)}"' for key, value in environment.items()),
            log=_escape(str(self.lake.logs / f"{service.name}.log")),
        )

    def start(self) -> None:
        """Start supervisor itself, detached from the caller.

        Raises:
            StartError: it does not answer in time.
        """
        if (alive := self.pid()) is not None:
            end([psutil.Process(alive)])  # it lives but did not answer
        self.socket.unlink(missing_ok=True)
        (self.run / "supervisord.pid").unlink(missing_ok=True)
        self.lake.logs.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-P", "-m", "stack.supervisor_process", "-n", "-c", str(self.configuration)]
        with (self.lake.logs / "supervisord.out").open("ab") as out:
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd="/")
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not self.is_running():
            if time.monotonic() > deadline:
                raise StartError(f"supervisor did not start within {STARTS_WITHIN_S} s; see {out.name}")
            time.sleep(0.05)

    def update(self) -> list[str]:
        """Make a running supervisor take over the written configuration; returns the services it had to stop for it."""
        ((added, changed, removed),) = self._call("reloadConfig")
        for name in [*changed, *removed]:
            self.stop(name)
            self._call("removeProcessGroup", name)
        for name in [*changed, *added]:
            self._call("addProcessGroup", name)
        return [*changed, *removed]

    def shutdown(self, within_s: float = 90) -> None:
        """Stop every service, dependents first, and supervisor itself."""
        pid = self.pid()
        if self.is_running():
            self._call("shutdown")
        if pid is None:
            return
        try:
            psutil.Process(pid).wait(timeout=within_s)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            end([psutil.Process(pid)], within_s=5)

    def states(self) -> dict[str, ProgramState]:
        """State of every service, by name; empty when supervisor is not running."""
        try:
            known: list[dict[str, Any]] = self._call("getAllProcessInfo")
        except NotRunningError:
            return {}
        return {
            entry["name"]: ProgramState(entry["statename"], entry["pid"], entry["start"], entry["spawnerr"])
            for entry in known
        }

    def start_service(self, name: str) -> None:
        """Start one service unless it runs; does not wait for it to be ready."""
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != _ALREADY_STARTED:
                raise StartError(f"supervisor could not start {name}: {fault.faultString}") from fault

    def stop(self, name: str) -> None:
        """Stop one service, and wait until it has."""
        try:
            self._call("stopProcess", name, True)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != _NOT_RUNNING:
                raise StartError(f"supervisor could not stop {name}: {fault.faultString}") from fault

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        try:
            with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, xmlrpc.client.ProtocolError) as error:
            raise NotRunningError(f"the lake is not up ({error}); run `lake up`") from error


def _file_limit() -> int:
    """Open files to allow each service; Kafka and Trino outgrow some systems' default."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)


def _escape(text: str) -> str:
    """Supervisor expands %(name)s in its configuration."""
    return text.replace("%", "%%")


def _escape_value(text: str) -> str:
    return _escape(text).replace("\\", "\\\\").replace('"', '\\"')
