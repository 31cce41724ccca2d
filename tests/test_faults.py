"""kill -9 of every process during a stream: nothing acknowledged is lost or doubled, and the lake heals."""

from __future__ import annotations

import pytest

from quality.sources import ledger_size
from tests.command import Command, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

RATE = 1000
SECONDS = 12


@pytest.mark.parametrize(
    "victim",
    ["flink-taskmanager", "flink-jobmanager", "kafka", "bridge", "exchange", "postgres", "supervisor"],
)
def test_a_killed_process_loses_and_doubles_nothing(command: Command, demo: str, victim: str) -> None:
    before = ledger_size(command.settings)
    stream = command.start("stream", "--rate", str(RATE), "--duration", str(SECONDS))
    eventually(lambda: ledger_size(command.settings) > before + 2 * RATE, "the stream flows")

    killed = command.kill(victim)
    if victim == "supervisor":
        command.lake("up")

    output, _ = stream.communicate(timeout=120)
    assert stream.returncode == 0, output
    assert ledger_size(command.settings) >= before + RATE * SECONDS * 0.9
    verdict = command.lake("reconcile", "--wait", "180", "--until", "raw", check=False)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    assert command.pid(victim) != killed
    command.lake("status")


def test_killing_everything_at_once_heals_with_up(command: Command, demo: str) -> None:
    before = ledger_size(command.settings)
    stream = command.start("stream", "--rate", str(RATE), "--duration", str(SECONDS))
    eventually(lambda: ledger_size(command.settings) > before + 2 * RATE, "the stream flows")

    for victim in (
        "supervisor",
        "exchange",
        "bridge",
        "kafka",
        "flink-jobmanager",
        "flink-taskmanager",
        "postgres",
        "trino",
    ):
        command.kill(victim)
    command.lake("up")
    stream.communicate(timeout=120)

    verdict = command.lake("reconcile", "--wait", "180", "--until", "raw", check=False)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
