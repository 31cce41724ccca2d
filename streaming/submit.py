"""Submits the market job, unless it already runs, from where an earlier one left off."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from stack.environments import python_of
from stack.flink import flink_home
from stack.java import JAVA_HOME
from stack.rendering import write_atomically
from stack.settings import settings
from streaming.checkpoints import state_to_restore
from streaming.exceptions import StreamingError, SubmitError
from streaming.flink_rest import MARKET_JOB, FlinkRest
from streaming.java_build import functions_jar
from streaming.rendering import configuration, market_job
from streaming.settings import streaming_settings
from streaming.tables import ensure_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stack.settings import Settings

log = logging.getLogger(__name__)
CLIENT = Path(__file__).with_name("client.py")
SUBMIT_WITHIN_S = 180.0
ERROR_LINES = 12
JOB_OPTIONS = ("execution.", "parallelism.", "pipeline.", "rest.address", "rest.port", "restart-strategy", "state.")

_EXCEPTION = re.compile(r"(: |Caused by: )?[\w.$]+(Exception|Error)\b")


def submit_market_job(lake: Settings, *, from_scratch: bool = False) -> str:
    """Make sure that the market job runs; returns its id.

    Raises:
        CheckpointError: it ran before and its state is gone.
        SubmitError: Flink did not take it.
        TableMismatchError: a raw table does not fit its contract.
    """
    with _one_at_a_time(lake):
        running = FlinkRest(lake).live_job(MARKET_JOB)
        if running is not None:
            return running.job_id
        ensure_tables(lake)
        state = state_to_restore(lake, from_scratch=from_scratch)
        log.info("submitting the market job %s", f"from {state}" if state else "from the start of the topic")
        streaming = streaming_settings()
        options = configuration()
        if state is not None:
            options |= {
                "execution.state-recovery.path": state.as_uri(),
                "execution.state-recovery.claim-mode": "NO_CLAIM",
            }
        return run_client(lake, MARKET_JOB, market_job(lake, streaming), options)


def run_client(lake: Settings, name: str, statements: list[str], options: dict[str, str]) -> str:
    """Hand statements to Flink as one job; returns its id.

    Raises:
        SubmitError: with the end of what the client printed.
    """
    options = {**cluster_options(lake), **options}
    plan = {"jar": str(functions_jar(lake)), "configuration": options, "statements": statements}
    directory = lake.run / "streaming"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.json"
    write_atomically(path, json.dumps(plan, indent=1).encode(), 0o600)  # it holds the catalog's password
    try:
        done = subprocess.run(
            [str(python_of("flink")), "-P", str(CLIENT), str(path)],
            env=_client_environment(lake),
            capture_output=True,
            text=True,
            timeout=SUBMIT_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SubmitError(f"Flink did not take job {name!r} within {SUBMIT_WITHIN_S:.0f} s; see `lake logs`") from error
    if done.returncode:
        raise SubmitError(f"Flink did not take job {name!r} of {path}:\n{_essence(done.stderr or done.stdout)}")
    return done.stdout.strip().splitlines()[-1]


def cluster_options(lake: Settings) -> dict[str, str]:
    """What the cluster's configuration says about jobs; Flink's client in Python does not read it by itself."""
    configuration = yaml.safe_load((flink_home(lake) / "conf" / "config.yaml").read_text(encoding="utf-8"))
    return {key: value for key, value in _flat(configuration) if key.startswith(JOB_OPTIONS)}


def _flat(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _flat(value, (*path, key))
    else:
        yield ".".join(path), str(node).lower() if isinstance(node, bool) else str(node)


def _client_environment(lake: Settings) -> dict[str, str]:
    home = flink_home(lake)
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "FLINK", "JAVA"))}
    return {
        **inherited,
        "FLINK_HOME": str(home),
        "FLINK_CONF_DIR": str(home / "conf"),
        "FLINK_LOG_DIR": str(home / "log"),
        "JAVA_HOME": str(JAVA_HOME),
        "JVM_ARGS": "-Xmx256m --add-opens=java.base/java.net=ALL-UNNAMED",
        "PATH": f"{JAVA_HOME / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }


def _essence(output: str) -> str:
    """What a Java trace says: the start of each exception's message, without frames."""
    lines = output.splitlines()
    said = [
        line.strip()
        for number, line in enumerate(lines)
        if _EXCEPTION.match(line) or (number and _EXCEPTION.match(lines[number - 1]) and not line.startswith("\tat "))
    ]
    return "\n".join(said[-ERROR_LINES:] or lines[-ERROR_LINES:])


@contextmanager
def _one_at_a_time(lake: Settings) -> Iterator[None]:
    """Two submitters at once would both see no job, and submit two."""
    directory = lake.run / "streaming"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "submit.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Submit, print the job's id; or print what is wrong, and fail."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    try:
        print(submit_market_job(settings()))
    except StreamingError as error:
        print(error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
