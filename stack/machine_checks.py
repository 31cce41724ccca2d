"""What `lake doctor` checks of the machine: whether a lake can run here at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from stack.artefacts import needed
from stack.exceptions import LakeError
from stack.fetching import is_cached
from stack.findings import Finding, fail, ok, warn
from stack.java import JAVA
from stack.processes import lake_processes
from stack.registry import all_services
from stack.supervision import SOCKET_PATH_LIMIT, Supervisor
from stack.unprivileged import owner

if TYPE_CHECKING:
    from stack.settings import Settings

PYTHON = (3, 11)
DATA_FAIL_MB = 1024
DATA_WARN_MB = 10 * 1024
CLOCK_TOLERANCE_S = 120
OUTSIDE_HEAPS_MB = 2250
"""Memory of a lake beyond the heaps and sizes in its settings; used until its services can be asked."""


def memory(lake: Settings) -> Finding:
    """Whether all services fit, counting what they hold already as theirs."""
    try:
        budget = sum(service.memory_budget_mb for service in all_services(lake))
    except LakeError:
        heaps = lake.kafka_heap_mb + lake.flink_jobmanager_heap_mb + lake.trino_heap_mb
        budget = heaps + lake.flink_taskmanager_mb + OUTSIDE_HEAPS_MB
    machine = psutil.virtual_memory()
    held = sum(_resident_mb(process) for process in lake_processes(lake))
    total, free = machine.total >> 20, (machine.available >> 20) + held
    what = f"the lake needs {budget:,} MB; the machine has {total:,} MB, of which it can have {free:,} MB"
    if total < budget:
        return fail("memory", what, "lower LAKE_TRINO_HEAP_MB and LAKE_FLINK_TASKMANAGER_MB, or use a larger machine")
    if free < budget:
        return warn("memory", what, "end what else runs on this machine, or lower LAKE_TRINO_HEAP_MB")
    return ok("memory", what)


def _resident_mb(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss) >> 20
    except psutil.Error:
        return 0


def disk(lake: Settings) -> list[Finding]:
    """Room for the data, and for what is still to be downloaded and unpacked."""
    free = shutil.disk_usage(_existing(lake.home)).free >> 20
    what = f"{free:,} MB free for data under {lake.home}"
    remedy = "free some, or set LAKE_HOME to a larger disk"
    data = ok("disk", what)
    if free < DATA_WARN_MB:
        data = (fail if free < DATA_FAIL_MB else warn)("disk", what, remedy)
    wanted = 2 * sum(artefact.size for artefact in needed() if not is_cached(lake, artefact)) >> 20
    room = shutil.disk_usage(_existing(lake.cache)).free >> 20
    if wanted <= room:
        return [data]
    what = f"{lake.cache} has {room:,} MB free; what is still to be fetched needs {wanted:,} MB"
    return [data, fail("disk", what, "free some, or set LAKE_CACHE to a larger disk")]


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def python() -> Finding:
    """The interpreter that the lake runs on."""
    what = f"Python {sys.version.split()[0]} at {sys.executable}"
    if sys.version_info[:2] == PYTHON:
        return ok("python", what)
    return fail("python", what, "start the lake by `./lake`, which runs on the Python 3.11 of its own environment")


def java() -> Finding:
    """Whether the packaged Java runtime starts on this machine."""
    try:
        done = subprocess.run([JAVA, "-version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return fail("java", f"{JAVA} does not run: {error}", "remove .venv/core and repeat; it is installed anew")
    said = (done.stderr or done.stdout).strip().splitlines()
    first = said[0] if said else f"exit {done.returncode}"
    if done.returncode:
        return fail("java", f"{JAVA} does not run: {first}", "remove .venv/core and repeat; it is installed anew")
    return ok("java", first)


def postgres_user() -> Finding:
    """Who Postgres runs as; it refuses to be root."""
    try:
        user = owner()
    except LakeError as error:
        return fail("postgres user", str(error), "run the lake as an ordinary user")
    return ok("postgres user", f"Postgres gives up root for {user.pw_name}" if user else "an ordinary user")


def socket_path(lake: Settings) -> Finding:
    """Whether supervisor's socket has a path that the system takes."""
    path = Supervisor(lake).socket
    length = len(os.fsencode(path))
    what = f"supervisor listens at {path} ({length} of {SOCKET_PATH_LIMIT} bytes)"
    if length <= SOCKET_PATH_LIMIT:
        return ok("socket path", what)
    return fail("socket path", what, f"set TMPDIR to a shorter path than {tempfile.gettempdir()}, or shorten LAKE_HOME")


def authority_override() -> Finding:
    """Whether the environment makes HTTP clients ignore the lake's own certificate authority."""
    named = [name for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if os.environ.get(name)]
    if not named:
        return ok("certificates", "nothing in the environment overrides the lake's authority")
    remedy = f"use `./lake dbt`, which ignores it, or run plain dbt by `env -u {' -u '.join(named)} dbt ...`"
    return warn("certificates", f"{' and '.join(named)} makes plain dbt distrust Trino's certificate", remedy)


def clock(lake: Settings) -> Finding:
    """Whether the lake's newest files lie in the future, as they do when the clock went back."""
    roots = (lake.logs, lake.run, lake.data / "kafka", lake.data / "flink", lake.data / "postgres")
    newest = max((_modified(path) for root in roots if root.is_dir() for path in (root, *root.iterdir())), default=0.0)
    ahead = newest - time.time()
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    if ahead <= CLOCK_TOLERANCE_S:
        return ok("clock", f"{now}, not behind the lake's files")
    what = f"{now} is {ahead:,.0f} s behind the lake's newest file"
    return fail("clock", what, "set the clock (timedatectl set-ntp true); event times and certificates depend on it")


def _modified(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0
