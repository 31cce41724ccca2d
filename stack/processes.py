"""Finds this lake's processes in the machine's process table, and ends those that nobody supervises any more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stack.settings import Settings

MARK_LAKE = "LAKE_MARK"
"""Environment variable by which every supervised process says whose it is."""
MARK_SERVICE = "LAKE_SERVICE"
STOP_WITHIN_S = 30


def lake_mark(lake: Settings) -> str:
    """What tells this lake's processes from another's."""
    return str(lake.home)


def supervised_service(process: psutil.Process, lake: Settings) -> str | None:
    """Name of the service that a process is or was started by, if it is one of this lake's."""
    try:
        environment = process.environ()
        if environment.get(MARK_LAKE) == lake_mark(lake):
            return environment.get(MARK_SERVICE)
        in_data = process.cwd() == str(lake.data / "postgres")
    except (psutil.Error, OSError):
        return None
    return "postgres" if in_data else None  # its backends overwrite their environment with their title


def lake_processes(lake: Settings) -> dict[psutil.Process, str]:
    """Every process of this lake's services, with the name of its service; supervisor itself is not one."""
    found = ((process, supervised_service(process, lake)) for process in psutil.process_iter())
    return {process: name for process, name in found if name is not None and process.pid != os.getpid()}


def orphans(lake: Settings, supervisor_pid: int | None) -> dict[psutil.Process, str]:
    """This lake's processes that do not descend from its living supervisor."""
    kept = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    if supervisor_pid is not None:
        kept |= {process.pid for process in tree(supervisor_pid)}
    return {process: name for process, name in lake_processes(lake).items() if process.pid not in kept}


def tree(pid: int) -> list[psutil.Process]:
    """A process and its descendants; empty when it is gone."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def end(processes: Iterable[psutil.Process], within_s: float = STOP_WITHIN_S) -> None:
    """Ask processes to end, and kill those that have not after `within_s` seconds."""
    waiting = list(processes)
    for process in waiting:
        _signal(process, kill=False)
    _, alive = psutil.wait_procs(waiting, timeout=within_s)
    for process in alive:
        _signal(process, kill=True)
    psutil.wait_procs(alive, timeout=10)


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        if kill:
            process.kill()
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        return


def resident_mb(pid: int) -> float:
    """Memory of a process and its descendants, in MB; pages that they share count once where the system tells."""
    processes = tree(pid)
    return sum(_resident(process, shared=len(processes) > 1) for process in processes) / (1 << 20)


def _resident(process: psutil.Process, *, shared: bool) -> int:
    try:
        if shared and psutil.LINUX:
            return int(process.memory_full_info().pss)
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def listeners(processes: Iterable[psutil.Process]) -> dict[tuple[str, int], psutil.Process]:
    """Each (address, port) that one of the processes listens on."""
    found = {}
    for process in processes:
        try:
            connections = process.net_connections(kind="tcp")
        except psutil.Error:
            continue
        for connection in connections:
            if connection.status == psutil.CONN_LISTEN:
                found[(connection.laddr.ip, connection.laddr.port)] = process
    return found
