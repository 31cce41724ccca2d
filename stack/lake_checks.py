"""What `lake doctor` checks of one lake: its ports, files, processes and services."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from stack.artefacts import needed
from stack.exceptions import NotRunningError
from stack.fetching import cached_path, is_intact
from stack.findings import Finding, fail, ok, warn
from stack.probing import log_end
from stack.processes import MARK_LAKE, lake_processes, listeners, orphans
from stack.registry import UNPACKED_GROUPS
from stack.settings import PORT_OFFSETS
from stack.status import status
from stack.supervision import Supervisor
from stack.unpacking import is_complete, unpacked_path

if TYPE_CHECKING:
    from stack.artefacts import Artefact
    from stack.settings import Settings


def ports(lake: Settings) -> list[Finding]:
    """Who holds the lake's ports, if not the lake."""
    own = {process.pid for process in lake_processes(lake)}
    holders: dict[int, psutil.Process] = {}
    for (_, port), process in listeners(psutil.process_iter()).items():
        holders[port] = process
    taken = [_taken(lake, name, holders.get(lake.port(name)), own) for name in PORT_OFFSETS]
    found = [finding for finding in taken if finding is not None]
    first, last = lake.port_base, lake.port_base + max(PORT_OFFSETS.values())
    return found or [ok("ports", f"{first} to {last} are free or the lake's own")]


def _taken(lake: Settings, name: str, holder: psutil.Process | None, own: set[int]) -> Finding | None:
    port = lake.port(name)
    if holder is None and _can_bind(lake.host, port):
        return None
    if holder is not None and holder.pid in own:
        return None
    who = f"process {holder.pid} ({_command(holder)})" if holder else "a process of another user"
    what = f"port {port} ({name}) is held by {who}"
    return fail("ports", what, "end it, or give this lake other ports with LAKE_PORT_BASE")


def _can_bind(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
        return True


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[:80]
    except psutil.Error:
        return "which just ended"


def cache(lake: Settings) -> list[Finding]:
    """Whether every download still has its pinned content, byte for byte, and is unpacked whole."""
    artefacts = needed()
    present = [artefact for artefact in artefacts if cached_path(lake, artefact).exists()]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        intact = list(pool.map(lambda artefact: is_intact(cached_path(lake, artefact), artefact), present))
    found = [_damaged(lake, artefact) for artefact, good in zip(present, intact, strict=True) if not good]
    found += [finding for group in UNPACKED_GROUPS if (finding := _half_unpacked(lake, group))]
    if len(present) < len(artefacts):
        what = f"{len(present)} of {len(artefacts)} downloads are in {lake.cache}"
        found.append(warn("cache", what, "`./lake fetch` (or `./lake up`) fetches the rest"))
    return found or [ok("cache", f"{len(artefacts)} downloads in {lake.cache} match their checksums")]


def _damaged(lake: Settings, artefact: Artefact) -> Finding:
    path = cached_path(lake, artefact)
    return fail("cache", f"{path} is not what was pinned", f"rm {path}, then `./lake up`: it is fetched anew")


def _half_unpacked(lake: Settings, group: str) -> Finding | None:
    home = unpacked_path(lake, needed(group)[0])
    if not home.exists() or is_complete(home):
        return None
    return warn("cache", f"files are missing under {home}", "`./lake up` unpacks it anew")


def secrets(lake: Settings) -> list[Finding]:
    """Whether nobody else can read the lake's passwords and keys."""
    if not lake.secrets.exists():
        return [ok("secrets", "none yet; `./lake up` makes them")]
    allowed = {lake.secrets: 0o700, **dict.fromkeys(sorted(lake.secrets.iterdir()), 0o600)}
    open_to_others = [(path, mode) for path, mode in allowed.items() if _mode(path) & ~mode]
    found = [
        fail("secrets", f"{path} has mode {_mode(path):04o}, so that others may read it", f"chmod {mode:04o} {path}")
        for path, mode in open_to_others
    ]
    return found or [ok("secrets", f"{len(allowed) - 1} files in {lake.secrets} are the owner's alone")]


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def leftovers(lake: Settings) -> list[Finding]:
    """Processes that nobody looks after: this lake's without its supervisor, and those of lakes that are gone."""
    alone = orphans(lake, Supervisor(lake).pid())
    found = [
        warn("leftovers", f"process {process.pid} of {name} has lost its supervisor", "`./lake up` or `./lake down`")
        for process, name in alone.items()
    ]
    for process in psutil.process_iter():
        home = _lake_of(process)
        if home is not None and not home.exists():
            what = f"process {process.pid} ({_command(process)}) serves the lake {home}, which was deleted"
            found.append(warn("leftovers", what, f"LAKE_HOME={home} ./lake down"))
    return found or [ok("leftovers", "every process has its supervisor")]


def _lake_of(process: psutil.Process) -> Path | None:
    try:
        mark = process.environ().get(MARK_LAKE)
    except (psutil.Error, OSError):
        return None
    return Path(mark) if mark else None


def lock(lake: Settings) -> Finding:
    """Whether another command holds the lake. The system frees the lock of a dead process, so it is never stale."""
    path = lake.home / "lock"
    if not path.exists():
        return ok("lock", "free")
    with path.open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            holders = [process for process in psutil.process_iter() if _has_open(process, path)]
            named = ", ".join(f"{process.pid} ({_command(process)})" for process in holders) or "of another user"
            return warn("lock", f"{path} is held by process {named}", "wait for it, or end it")
    return ok("lock", "free")


def _has_open(process: psutil.Process, path: Path) -> bool:
    try:
        return process.pid != os.getpid() and any(each.path == str(path) for each in process.open_files())
    except psutil.Error:
        return False


def services(lake: Settings) -> list[Finding]:
    """Services that do not do their work while the lake is up, each with the end of its log."""
    if Supervisor(lake).pid() is None:
        return [ok("services", "the lake is down; `./lake up` starts it")]
    try:
        found = status(lake)
    except NotRunningError as error:
        return [fail("services", str(error), "`./lake up`")]
    broken = [
        fail(
            "services",
            f"{each.name} is {each.state}: {each.why_not_ready}{log_end(lake, each.name)}",
            f"`./lake up` heals it; `./lake logs {each.name}` says more",
        )
        for each in found
        if not each.ready
    ]
    return broken or [ok("services", f"all {len(found)} are ready")]
