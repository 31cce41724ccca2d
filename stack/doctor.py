"""`lake doctor`: examines the machine and the lake, and says what to do about each problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stack import lake_checks, machine_checks
from stack.findings import Finding, Verdict, fail

if TYPE_CHECKING:
    from collections.abc import Callable

    from stack.settings import Settings

STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}


def diagnose(lake: Settings) -> list[Finding]:
    """Every finding, good and bad; changes nothing. A check that itself breaks is a finding too."""
    checks: list[tuple[str, Callable[[], Finding | list[Finding]]]] = [
        ("python", machine_checks.python),
        ("java", machine_checks.java),
        ("postgres user", machine_checks.postgres_user),
        ("memory", lambda: machine_checks.memory(lake)),
        ("disk", lambda: machine_checks.disk(lake)),
        ("clock", lambda: machine_checks.clock(lake)),
        ("certificates", machine_checks.authority_override),
        ("socket path", lambda: machine_checks.socket_path(lake)),
        ("ports", lambda: lake_checks.ports(lake)),
        ("cache", lambda: lake_checks.cache(lake)),
        ("secrets", lambda: lake_checks.secrets(lake)),
        ("lock", lambda: lake_checks.lock(lake)),
        ("leftovers", lambda: lake_checks.leftovers(lake)),
        ("services", lambda: lake_checks.services(lake)),
    ]
    return [finding for name, check in checks for finding in _run(name, check)]


def _run(name: str, check: Callable[[], Finding | list[Finding]]) -> list[Finding]:
    try:
        found = check()
    except Exception as error:
        return [fail(name, f"could not be checked: {type(error).__name__}: {error}", "see the message")]
    return found if isinstance(found, list) else [found]


def doctor(lake: Settings, console: Console | None = None) -> int:
    """Print all findings; returns the exit code, 1 if anything must be mended."""
    console = console or Console()
    with console.status("examining; reading every downloaded file takes some seconds"):
        findings = diagnose(lake)
    console.print(_table(findings))
    bad = [finding for finding in findings if finding.verdict is Verdict.FAIL]
    doubtful = [finding for finding in findings if finding.verdict is Verdict.WARN]
    console.print(f"{len(bad)} to mend, {len(doubtful)} to know of, {len(findings) - len(bad) - len(doubtful)} fine")
    return 1 if bad else 0


def _table(findings: list[Finding]) -> Table:
    table = Table("check", "", "found", box=None, pad_edge=False)
    table.columns[2].overflow = "fold"
    for finding in findings:
        said = Text(finding.what)
        if finding.remedy:
            said.append(f"\n-> {finding.remedy}", style="bold")
        table.add_row(finding.check, Text(finding.verdict, style=STYLES[finding.verdict]), said)
    return table
