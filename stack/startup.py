"""`lake up` and `lake down`: from whatever state the machine is in to a lake that serves, and back to rest."""

from __future__ import annotations

import shutil
import threading
from functools import partial
from typing import TYPE_CHECKING

import psutil

from stack.artefacts import needed
from stack.credentials import ensure_credentials
from stack.exceptions import LakeError, StartError
from stack.fetching import fetch_all, is_cached
from stack.locking import exclusive
from stack.probing import wait_until_ready
from stack.processes import end, lake_processes, listeners, orphans
from stack.progress import Board, Downloads, console
from stack.registry import all_services, all_steps, is_provisioned, provision_environment, unpack_all
from stack.rendering import write
from stack.supervision import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stack.rooms import Step
    from stack.services import Service
    from stack.settings import Settings


def say(message: str) -> None:
    """One line of progress."""
    console.print(message, highlight=False, markup=False)


def up(lake: Settings) -> None:
    """Bring the lake up, or back up: idempotent, and safe to repeat after anything was killed.

    Raises:
        LakeError: something could not be fetched, started or made ready; the rest is up as far as it could be.
    """
    with exclusive(lake, say):
        provision(lake)
        make_directories(lake)
        ensure_credentials(lake)
        services = all_services(lake)
        supervisor = Supervisor(lake)
        _end_orphans(lake, supervisor)
        for service in services:
            for file in service.files:
                write(file)
        supervisor.configure(services)
        if not supervisor.is_running():
            supervisor.start()
        for name in supervisor.update():
            say(f"{name}: its configuration changed; restarting it")
        bring_up(supervisor, services, all_steps())


def provision(lake: Settings) -> None:
    """Fetch and unpack everything that the lake runs on. Costs some milliseconds when all is here."""
    provision_environment("flink")
    if is_provisioned(lake):
        return
    missing = tuple(artefact for artefact in needed() if not is_cached(lake, artefact))
    if missing:
        say(f"fetching {sum(artefact.size for artefact in missing) >> 20:,} MB into {lake.cache} (once)")
    with Downloads(missing) as downloads:
        fetch_all(lake, missing, downloads.advance)
    say("unpacking (once)")
    unpack_all(lake)


def make_directories(lake: Settings) -> None:
    """The lake's own directories; others may pass through those that Postgres' user must pass, and read none."""
    for path, mode in ((lake.home, 0o711), (lake.data, 0o711), (lake.run, 0o711), (lake.logs, 0o700)):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
    for path in (lake.warehouse, lake.data / "flink", lake.data / "kafka"):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


def _end_orphans(lake: Settings, supervisor: Supervisor) -> None:
    """End what a killed supervisor left behind: a new one could not look after it."""
    alone = orphans(lake, supervisor.pid())
    if alone:
        say(f"ending processes that lost their supervisor: {', '.join(sorted(set(alone.values())))}")
        end(alone)


def bring_up(supervisor: Supervisor, services: Sequence[Service], steps: Sequence[Step]) -> None:
    """Start each service as soon as those before it are ready, and run each step as soon as its services are.

    Raises:
        StartError: some did not become ready; names all of them.
    """
    board = Board([*(service.name for service in services), *(step.name for step in steps)])
    with board:
        launch = _Launch(supervisor, board)
        for service in services:
            launch.add(service.name, service.after, partial(launch.start, service))
        for step in steps:
            launch.add(step.name, step.after, partial(launch.run, step))
        failures = launch.finish()
    if failures:
        raise StartError("\n".join(f"{name}: {error}" for name, error in failures.items()))


class _Launch:
    """The work of one `bring_up`: a thread per service and step, each waiting for those it comes after."""

    def __init__(self, supervisor: Supervisor, board: Board) -> None:
        self.supervisor = supervisor
        self.board = board
        self.finished: dict[str, threading.Event] = {}
        self.failures: dict[str, str] = {}
        self.skipped: set[str] = set()
        self.work: list[threading.Thread] = []

    def add(self, name: str, after: Sequence[str], act: Callable[[], None]) -> None:
        self.finished[name] = threading.Event()
        self.work.append(threading.Thread(target=self._do, args=(name, after, act), name=name, daemon=True))

    def finish(self) -> dict[str, str]:
        for thread in self.work:
            thread.start()
        for thread in self.work:
            thread.join()
        return self.failures

    def _do(self, name: str, after: Sequence[str], act: Callable[[], None]) -> None:
        try:
            for other in after:
                if other in self.finished:
                    self.finished[other].wait()
            missed = [other for other in after if other in self.failures or other in self.skipped]
            if missed:
                self.skipped.add(name)
                self.board.set(name, "skipped", f"needs {', '.join(missed)}")
            else:
                act()
        except Exception as error:
            self.failures[name] = str(error) if isinstance(error, LakeError) else f"{type(error).__name__}: {error}"
            self.board.set(name, "failed", self.failures[name].splitlines()[0])
        finally:
            self.finished[name].set()

    def start(self, service: Service) -> None:
        state = self.supervisor.states()[service.name].state
        if state == "BACKOFF":
            self.supervisor.stop(service.name)
        if state not in ("RUNNING", "STARTING"):
            self.board.set(service.name, "starting")
            _require_free_ports(self.supervisor.lake, service)
            service.prepare()
            self.supervisor.start_service(service.name)
        wait_until_ready(service, self.supervisor, lambda why: self.board.set(service.name, "starting", why))
        service.settle()
        self.board.set(service.name, "ready", service.url)

    def run(self, step: Step) -> None:
        self.board.set(step.name, "running")
        step.run(self.supervisor.lake)
        self.board.set(step.name, "done")


def _require_free_ports(lake: Settings, service: Service) -> None:
    """A clear message instead of a server's stack trace."""
    wanted = {lake.port(name) for name in service.ports}
    for (_, port), process in listeners(psutil.process_iter()).items():
        if port in wanted:
            raise StartError(
                f"port {port} is held by process {process.pid} ({' '.join(process.cmdline())[:100]}): "
                "end it, or give this lake other ports with LAKE_PORT_BASE"
            )


def down(lake: Settings) -> bool:
    """Stop everything that belongs to this lake, whoever supervises it; returns whether anything ran. Keeps all data."""
    with exclusive(lake, say):
        supervisor = Supervisor(lake)
        was_up = supervisor.pid() is not None
        supervisor.shutdown()
        alone = lake_processes(lake)
        end(alone)
        return was_up or bool(alone)


def restart(lake: Settings, name: str) -> None:
    """Restart one service and repeat the steps that come after it.

    Raises:
        NotRunningError: the lake is not up, or has no such service.
    """
    with exclusive(lake, say):
        service = find_service(all_services(lake), name)
        supervisor = Supervisor(lake)
        supervisor.stop(name)
        bring_up(supervisor, [service], [step for step in all_steps() if name in step.after])


def find_service(services: Sequence[Service], name: str) -> Service:
    """The service of that name."""
    by_name = {service.name: service for service in services}
    if name not in by_name:
        raise LakeError(f"no service is called {name!r}; there are {', '.join(by_name)}")
    return by_name[name]


def reset(lake: Settings) -> None:
    """Stop the lake and delete all of its state, data included; downloads stay."""
    down(lake)
    with exclusive(lake, say):
        for path in (lake.data, lake.run, lake.logs, lake.secrets):
            if path.exists():
                shutil.rmtree(path)
