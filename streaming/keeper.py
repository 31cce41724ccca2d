"""Keeps the market job running: a JobManager that was killed forgets its jobs, and this submits them again.

Flink restarts a job that fails while the JobManager lives. A standalone JobManager without ZooKeeper remembers nothing
across its own death, so this watches it and goes on from the newest whole checkpoint.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka.admin import AdminClient

from governance.contracts import DEAD_LETTER_TOPIC, RAW_TOPIC, contracts
from stack.connections import kafka_config
from stack.settings import settings
from streaming.checkpoints import directories, prune
from streaming.exceptions import FlinkUnavailableError, StreamingError, SubmitError
from streaming.flink_rest import MARKET_JOB, FlinkRest

if TYPE_CHECKING:
    from pathlib import Path

    from stack.settings import Settings

log = logging.getLogger("streaming.keeper")
POLL_S = 1.0
LONGEST_PAUSE_S = 60.0
TOPICS_WITHIN_S = 5.0


def paused_mark(lake: Settings) -> Path:
    """The file whose presence says that the job is stopped on purpose."""
    return lake.data / "flink" / "market.paused"


def not_working(lake: Settings) -> str | None:
    """None when the job does its work (or is paused on purpose), else why not."""
    if paused_mark(lake).exists():
        return None
    job = FlinkRest(lake).live_job(MARKET_JOB)
    if job is None:
        return "the market job is not submitted yet"
    if not job.is_working:
        return f"the market job is {job.state.lower()}, {job.tasks_running} of {job.tasks_total} tasks run"
    return None


@dataclass
class Keeper:
    """Looks after the job, one `tend` at a time."""

    lake: Settings
    failures: int = 0
    watched: str | None = None
    """Job whose old neighbours' checkpoints are gone."""
    said: str = ""

    def tend(self) -> float:
        """Do what is needed now; returns after how many seconds to look again."""
        try:
            self._tend()
        except FlinkUnavailableError as error:
            self._say(str(error))
            return POLL_S
        except StreamingError as error:
            log.error("%s", error)
            return self._pause()
        except Exception:  # whatever the servers throw while they come and go, the keeper stays
            log.exception("looking after the market job failed; trying again")
            return self._pause()
        self.failures = 0
        return POLL_S

    def _pause(self) -> float:
        self.failures += 1
        return min(LONGEST_PAUSE_S, POLL_S * 2.0**self.failures)

    def _tend(self) -> None:
        if paused_mark(self.lake).exists():
            self._say("the market job is stopped on purpose; `lake jobs resubmit` starts it")
            return
        rest = FlinkRest(self.lake)
        job = rest.live_job(MARKET_JOB)
        if job is not None:
            if job.is_working:
                self._say(f"the market job runs as {job.job_id}")
                self._prune(rest, job.job_id)
            else:
                self._say(f"the market job is {job.state.lower()}: {job.tasks_running} of {job.tasks_total} tasks run")
            return
        if waits_for := self._missing(rest):
            self._say(f"waiting for {waits_for}")
            return
        self._submit()

    def _submit(self) -> None:
        """In a process of its own, which takes its memory with it, and reads the code of today."""
        command = [sys.executable, "-P", "-m", "streaming.submit"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        for line in done.stderr.splitlines():
            log.info("%s", line)
        if done.returncode:
            raise SubmitError(done.stdout.strip() or f"`{' '.join(command)}` ended with {done.returncode}")
        log.info("submitted the market job as %s", done.stdout.strip())

    def _missing(self, rest: FlinkRest) -> str | None:
        if rest.free_slots() < 1:
            return "a TaskManager"
        present = AdminClient(kafka_config(self.lake)).list_topics(timeout=TOPICS_WITHIN_S).topics
        wanted = [RAW_TOPIC, DEAD_LETTER_TOPIC, *(contract.topic for contract in contracts())]
        absent = [topic for topic in wanted if topic not in present]
        return f"topics {', '.join(absent)}" if absent else None

    def _prune(self, rest: FlinkRest, job_id: str) -> None:
        if self.watched == job_id or not rest.checkpoints(job_id)["counts"]["completed"]:
            return
        for path in prune(directories(self.lake)[0], job_id):
            log.info("deleted the checkpoints of an earlier job: %s", path.name)
        self.watched = job_id

    def _say(self, message: str) -> None:
        """Log what changed, not what stays."""
        if message != self.said:
            log.info("%s", message)
        self.said = message


def main() -> None:
    """Keep the job until told to end."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(message)s")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    keeper = Keeper(settings())
    while not ended.wait(keeper.tend()):
        pass


if __name__ == "__main__":
    main()
