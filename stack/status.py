"""What runs, where, with how much memory, and whether it serves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table

from stack.probing import probe
from stack.processes import resident_mb
from stack.registry import all_services
from stack.supervision import RUNNING, Supervisor

if TYPE_CHECKING:
    from stack.services import Service
    from stack.settings import Settings
    from stack.supervision import ProgramState

SUPERVISOR_BUDGET_MB = 64


@dataclass(frozen=True)
class ServiceStatus:
    """One service as it is now."""

    name: str
    state: str
    """`ready`, or supervisor's word for the process: STOPPED, STARTING, BACKOFF, RUNNING (but not ready), FATAL."""
    pid: int | None
    memory_mb: float
    """Resident memory of the process and its children."""
    budget_mb: int
    url: str
    why_not_ready: str | None

    @property
    def ready(self) -> bool:
        """Whether it does its work."""
        return self.state == "ready"


def status(lake: Settings) -> list[ServiceStatus]:
    """The supervisor and every service, each asked by its own probe.

    Raises:
        NotRunningError: the lake was never brought up.
    """
    services = all_services(lake)
    supervisor = Supervisor(lake)
    states = supervisor.states()
    with ThreadPoolExecutor(max_workers=len(services)) as pool:
        found = list(pool.map(lambda service: _status(service, states.get(service.name)), services))
    return [_supervisor_status(supervisor), *found]


def _status(service: Service, state: ProgramState | None) -> ServiceStatus:
    name = state.state if state else "STOPPED"
    alive = name in RUNNING
    reason = probe(service) if alive else "the process does not run; `lake up` starts it"
    pid = state.pid if state and state.pid else None
    return ServiceStatus(
        name=service.name,
        state="ready" if reason is None else name,
        pid=pid,
        memory_mb=round(resident_mb(pid), 1) if pid else 0.0,
        budget_mb=service.memory_budget_mb,
        url=service.url,
        why_not_ready=reason,
    )


def _supervisor_status(supervisor: Supervisor) -> ServiceStatus:
    pid = supervisor.pid()
    answers = supervisor.is_running()
    memory = round(_own_memory(pid), 1) if pid else 0.0
    reason = None if answers else "it does not answer; `lake up` starts it"
    return ServiceStatus("supervisor", "ready" if answers else "STOPPED", pid, memory, SUPERVISOR_BUDGET_MB, "", reason)


def _own_memory(pid: int) -> float:
    import psutil

    try:
        return psutil.Process(pid).memory_info().rss / (1 << 20)
    except psutil.NoSuchProcess:
        return 0.0


def as_json(found: list[ServiceStatus]) -> dict[str, Any]:
    """The same for programs; `lake status --json` prints it."""
    return {"ready": all(each.ready for each in found), "services": [asdict(each) for each in found]}


def as_table(found: list[ServiceStatus]) -> Table:
    """The same for people."""
    table = Table("service", "state", "pid", box=None, pad_edge=False)
    table.add_column("memory", justify="right")
    table.add_column("where, or why not")
    for each in found:
        style = "green" if each.ready else "bold red"
        over = each.memory_mb > each.budget_mb
        memory = f"{each.memory_mb:,.0f} of {each.budget_mb:,} MB" if each.pid else ""
        table.add_row(
            each.name,
            f"[{style}]{each.state}[/]",
            str(each.pid or ""),
            f"[yellow]{memory}[/]" if over else memory,
            each.why_not_ready or each.url,
        )
    total = sum(each.memory_mb for each in found)
    table.add_section()
    table.add_row("", "", "", f"{total:,.0f} MB", "")
    return table
