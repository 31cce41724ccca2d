from __future__ import annotations

import fcntl
import io
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from rich.console import Console

from stack import doctor, lake_checks, machine_checks
from stack.credentials import ensure_credentials
from stack.fetching import cached_path
from stack.findings import Finding, Verdict, fail, ok, warn
from stack.processes import MARK_LAKE, MARK_SERVICE, lake_mark
from stack.settings import Settings
from stack.supervision import SOCKET_PATH_LIMIT
from stack.tests.repository import artefact_of


@pytest.fixture
def lake(bare_lake: Settings) -> Settings:
    ensure_credentials(bare_lake)
    return bare_lake


@pytest.fixture
def straggler(lake: Settings) -> Iterator[int]:
    """Process number of something that looks like a service of the lake, and has no supervisor."""
    mark = {MARK_LAKE: lake_mark(lake), MARK_SERVICE: "thing"}
    program = [sys.executable, "-c", "print('up', flush=True); input()"]
    with subprocess.Popen(
        program, env={**os.environ, **mark}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def _only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


def test_says_who_holds_a_port(bare_lake: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        base = server.getsockname()[1] - 1  # the lake's Kafka port
        findings = lake_checks.ports(bare_lake.model_copy(update={"port_base": base}))
    held = next(finding for finding in findings if "(kafka)" in finding.what)
    assert held.verdict is Verdict.FAIL
    assert f"process {os.getpid()}" in held.what
    assert "LAKE_PORT_BASE" in held.remedy


def test_a_secret_that_others_can_read_must_be_mended(lake: Settings) -> None:
    assert _only(lake_checks.secrets(lake)).verdict is Verdict.OK
    exposed = lake.secrets / "ca.key"
    exposed.chmod(0o644)
    finding = _only(lake_checks.secrets(lake))
    assert finding.verdict is Verdict.FAIL
    assert finding.remedy == f"chmod 0600 {exposed}"


def test_reads_every_byte_of_the_cache(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad, missing = artefact_of(b"good"), artefact_of(b"pinned"), artefact_of(b"not fetched")
    monkeypatch.setattr(lake_checks, "needed", lambda *groups: (good, bad, missing))
    monkeypatch.setattr(lake_checks, "UNPACKED_GROUPS", ())
    for artefact, content in ((good, b"good"), (bad, b"PINNED")):
        cached_path(lake, artefact).parent.mkdir(parents=True)
        cached_path(lake, artefact).write_bytes(content)
    damaged, incomplete = lake_checks.cache(lake)
    assert (damaged.verdict, incomplete.verdict) == (Verdict.FAIL, Verdict.WARN)
    assert str(cached_path(lake, bad)) in damaged.remedy
    assert "2 of 3" in incomplete.what


def test_names_a_process_that_lost_its_supervisor(lake: Settings, straggler: int) -> None:
    finding = next(each for each in lake_checks.leftovers(lake) if str(straggler) in each.what)
    assert finding.verdict is Verdict.WARN
    assert "thing" in finding.what


def test_names_who_holds_the_lock(lake: Settings) -> None:
    assert lake_checks.lock(lake).verdict is Verdict.OK
    with (lake.home / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert lake_checks.lock(lake).verdict is Verdict.WARN
    assert lake_checks.lock(lake).verdict is Verdict.OK


def test_warns_of_a_foreign_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/some/ca.pem")
    finding = machine_checks.authority_override()
    assert finding.verdict is Verdict.WARN
    assert "env -u REQUESTS_CA_BUNDLE dbt" in finding.remedy
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert machine_checks.authority_override().verdict is Verdict.OK


def test_notices_that_the_clock_went_back(lake: Settings) -> None:
    lake.logs.mkdir()
    log = lake.logs / "kafka.log"
    log.touch()
    assert machine_checks.clock(lake).verdict is Verdict.OK
    os.utime(log, (4_000_000_000, 4_000_000_000))
    assert machine_checks.clock(lake).verdict is Verdict.FAIL


def test_a_lake_that_cannot_fit_must_be_mended(lake: Settings) -> None:
    huge = lake.model_copy(update={"trino_heap_mb": 10_000_000})
    assert machine_checks.memory(huge).verdict is Verdict.FAIL


def test_a_long_home_still_gets_a_socket(lake: Settings) -> None:
    long = lake.model_copy(update={"home": lake.home / ("x" * SOCKET_PATH_LIMIT)})
    assert machine_checks.socket_path(long).verdict is Verdict.OK


def test_the_runtime_runs() -> None:
    assert machine_checks.java().verdict is Verdict.OK
    assert machine_checks.python().verdict is Verdict.OK


@pytest.mark.parametrize(
    ("findings", "code"), [([ok("a", "b")], 0), ([warn("a", "b", "c")], 0), ([ok("a", "b"), fail("a", "b", "mend")], 1)]
)
def test_the_exit_code_says_whether_to_mend(
    lake: Settings, monkeypatch: pytest.MonkeyPatch, findings: list[Finding], code: int
) -> None:
    monkeypatch.setattr(doctor, "diagnose", lambda lake: findings)
    printed = io.StringIO()
    assert doctor.doctor(lake, Console(file=printed)) == code
    assert all(finding.remedy in printed.getvalue() for finding in findings)


def test_a_check_that_breaks_is_a_finding(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(lake: Settings) -> Finding:
        raise OSError("unreadable")

    monkeypatch.setattr(machine_checks, "clock", broken)
    monkeypatch.setattr(lake_checks, "cache", lambda lake: [])
    finding = next(each for each in doctor.diagnose(lake) if each.check == "clock")
    assert finding.verdict is Verdict.FAIL
    assert "unreadable" in finding.what
