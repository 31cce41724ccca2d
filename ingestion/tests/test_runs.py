from datetime import UTC, datetime

import pytest

from ingestion.exceptions import RunSpecError
from ingestion.exchange.runs import Request, RunQueue

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_runs_wait_in_order_but_one_under_way_comes_first(tmp_path):
    queue = RunQueue(tmp_path)
    first, second, third = (queue.submit(Request(seed=seed)) for seed in range(3))
    second.state = "running"
    queue.save(second)
    queue.end(third, "done")
    assert [run.run_id for run in queue.unfinished()] == [second.run_id, first.run_id]
    assert len({first.run_id, second.run_id, third.run_id}) == 3


def test_an_impossible_request_is_refused_when_it_is_made(tmp_path):
    queue = RunQueue(tmp_path)
    with pytest.raises(RunSpecError, match="--rate"):
        queue.submit(Request(rate=-1))
    assert queue.unfinished() == []


def test_an_unknown_run_is_an_error(tmp_path):
    with pytest.raises(RunSpecError, match="nope"):
        RunQueue(tmp_path).get("nope")


def test_stopping_is_remembered_until_the_run_ends(tmp_path):
    queue = RunQueue(tmp_path)
    run = queue.submit(Request())
    assert not queue.should_stop(run.run_id)
    queue.ask_to_stop(run.run_id)
    assert queue.should_stop(run.run_id)
    queue.end(run, "stopped")
    assert not queue.should_stop(run.run_id)
    assert queue.get(run.run_id).state == "stopped"


def test_another_attempt_does_what_is_left_with_ids_of_its_own(tmp_path):
    run = RunQueue(tmp_path).submit(Request(count=1000, duration_s=60))
    first = run.attempt_options(NOW)
    run.attempt, run.events, run.elapsed_s = 1, 400, 25.0
    second = run.attempt_options(NOW)
    assert (second.count, second.duration_s) == (600, 35.0)
    assert second.prefix != first.prefix
    assert second.seed != first.seed


def test_another_attempt_on_the_calendar_goes_on_where_time_had_come_to(tmp_path):
    run = RunQueue(tmp_path).submit(Request(start_date="2026-03-02", speed=100))
    run.ts = int(datetime(2026, 3, 2, 16, tzinfo=UTC).timestamp() * 1e6)
    assert run.attempt_options(NOW).start_us == run.ts + 1
