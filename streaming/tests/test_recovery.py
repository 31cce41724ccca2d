"""kill -9 under load: every event is in its table and its topic exactly once, also copies sent after the restart."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

from stack.settings import Settings
from stack.supervision import Supervisor
from streaming.checkpoints import directories
from streaming.flink_rest import MARKET_JOB, FlinkRest
from streaming.keeper import not_working
from streaming.tests.messages import Feed, encoded, trade
from streaming.tests.observing import committed, eventually, rows

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
RunLake = Callable[..., CompletedProcess[str]]

COUNT = 12_000
RATE = 1_000


def checkpoints_done(lake: Settings) -> int:
    rest = FlinkRest(lake)
    job = rest.live_job(MARKET_JOB)
    return int(rest.checkpoints(job.job_id)["counts"]["completed"]) if job else 0


def exactly_once(lake: Settings, source: str, sent: int) -> None:
    """Every one of COUNT events is one row; every message sent is one message in the routed topic."""
    eventually(lambda: len(rows(lake, "raw.trades", source)) >= COUNT, f"{source} landed", within_s=240)
    landed = Counter(row["event_id"] for row in rows(lake, "raw.trades", source))
    assert len(landed) == COUNT
    assert max(landed.values()) == 1
    routed = sum(source.encode() in (value or b"") for _, value, _ in committed(lake, "market.trades"))
    assert routed == sent


@pytest.mark.parametrize("victim", ["flink-taskmanager", "flink-jobmanager", "kafka", "postgres", "flink-jobs"])
def test_a_killed_server_loses_and_doubles_nothing(lake: Settings, victim: str) -> None:
    eventually(lambda: not_working(lake) is None and checkpoints_done(lake) > 0, "the job works and has a checkpoint")
    source = f"kill-{victim}"
    events = [encoded(trade(f"{source}-{number}", source=source)) for number in range(COUNT)]
    feed = Feed(lake)
    stream = threading.Thread(target=feed.send, args=(events,), kwargs={"per_second": RATE})
    stream.start()
    time.sleep(COUNT / RATE / 2)
    os.kill(Supervisor(lake).states()[victim].pid, signal.SIGKILL)
    stream.join()
    copies = events[::10]
    feed.send(copies)

    exactly_once(lake, source, COUNT + len(copies))
    eventually(lambda: not_working(lake) is None, "the job works again")


def test_a_new_job_drops_the_checkpoints_of_the_old(lake: Settings) -> None:
    eventually(lambda: checkpoints_done(lake) > 0, "the job has a checkpoint")
    job = FlinkRest(lake).live_job(MARKET_JOB)
    assert job is not None

    eventually(lambda: [path.name for path in directories(lake)[0].iterdir()] == [job.job_id], "old ones are gone")


def test_savepoint_cancel_and_resubmit_keep_every_row_once(lake: Settings, run_lake: RunLake) -> None:
    source = "resubmit"
    events = [encoded(trade(f"{source}-{number}", source=source)) for number in range(COUNT)]
    feed = Feed(lake)
    feed.send(events[: COUNT // 2])
    assert "savepoint-" in run_lake("jobs", "savepoint").stdout
    run_lake("jobs", "cancel")
    feed.send(events[COUNT // 2 :])
    assert "CANCELED" in run_lake("jobs", "list").stdout or "FINISHED" in run_lake("jobs", "list").stdout
    run_lake("jobs", "resubmit")
    feed.send(events[:100])

    exactly_once(lake, source, COUNT + 100)


def test_compaction_beside_the_job_loses_nothing(lake: Settings, run_lake: RunLake) -> None:
    source = "compact"
    events = [encoded(trade(f"{source}-{number}", source=source)) for number in range(COUNT)]
    stream = threading.Thread(target=Feed(lake).send, args=(events,), kwargs={"per_second": RATE})
    stream.start()
    while stream.is_alive():
        run_lake("compact", "--retention-hours", "0.05")
    stream.join()
    run_lake("jobs", "resubmit")

    exactly_once(lake, source, COUNT)
