"""The bridge between a real exchange process and a real Kafka, with every part killed in turn."""

import json
import shutil
import signal
from collections import Counter

import pytest
import requests

from ingestion.bridge.feed import MOST_FRAME_BYTES
from ingestion.bridge.sink import Sink
from ingestion.exchange.injection import inject
from ingestion.exchange.ledger import Kind
from ingestion.exchange.runs import Request
from ingestion.probes import gauge
from ingestion.tests.events import event
from ingestion.tests.market import Process, eventually
from ingestion.topics import DEAD_LETTERS, RAW
from stack.connections import kafka_config

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def put(market, payload, kind=Kind.INJECTED, channel="trades"):
    inject(market.exchange_directory, channel, payload, kind)


def taken(market):
    eventually(lambda: not list((market.exchange_directory / "inject").glob("*")), "injections are taken")


def test_a_run_arrives_byte_for_byte_keyed_by_symbol(market):
    market.run(rate=2000, count=3000)
    market.check()
    for message in market.read(RAW):
        assert message.key().decode() == json.loads(message.value())["symbol"]


def test_bad_events_are_dead_lettered_and_hold_nothing_up(market):
    before = len(market.dead())
    bad = {
        b'{"type":"trade"': "invalid_json",
        b"\xff\xfe": "invalid_utf8",
        event(price="NaN"): "contract_violation",
        event(quantity=-1): "contract_violation",
        event(type="news"): "unknown_type",
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000: "nesting_too_deep",
        event(note="x" * 10_000_000): "oversized_event",
        event(event_ts="2999-01-01T00:00:00.000000Z"): "event_time_in_future",
        b"line\nbreak": "invalid_json",
        b"": "invalid_json",
    }
    for payload in bad:
        put(market, payload)
    put(market, event(number=900))
    put(market, event(number=901), channel="orders")
    put(market, event(number=901, event_ts="2026-03-04T14:00:00.000000Z"))
    put(market, event(number=900))
    taken(market)
    market.check()
    letters = market.read(DEAD_LETTERS)[before:]
    assert {letter.value(): dict(letter.headers())["reason"].decode() for letter in letters} == bad
    assert Counter(message.value() for message in market.read(RAW))[event(number=900)] == 2


def test_malformed_missing_and_huge_frames_are_accounted_for(market):
    before = len(market.dead())
    good = event(number=910)
    put(market, b"\x00garbage", Kind.FRAME)
    put(market, b'{"channel":"trades","first_seq":1,"count":9}\n{}\n{}', Kind.FRAME)
    put(market, b'{"channel":"trades","first_seq":99999999,"count":1}\n{}', Kind.FRAME)
    put(market, b'{"channel":"trades","first_seq":1,"count":1}\n{}', Kind.FRAME)
    put(market, good, Kind.DROPPED)
    put(market, b"never sent", Kind.LOST)
    put(market, b"z" * (10 << 20), Kind.FRAME)
    put(market, b"z" * (MOST_FRAME_BYTES + 1), Kind.FRAME, "orders")
    put(market, event(number=911), Kind.DROPPED, "quotes")
    put(market, b"z" * (MOST_FRAME_BYTES + 1), Kind.INJECTED, "quotes")
    taken(market)
    market.run(rate=2000, count=2000)
    market.check()
    reasons = Counter(headers["reason"] for headers in market.dead()[before:])
    assert reasons == {"malformed_frame": 5, "sequence_gap": 1, "oversized_frame": 2}
    assert Counter(message.value() for message in market.read(RAW))[good] == 1


@pytest.mark.parametrize("victim", ["bridge", "exchange", "kafka"])
def test_kill_9_in_the_middle_of_a_stream_loses_and_doubles_nothing(market, victim):
    before = sum(market.ledger.last_seqs().values())
    run = market.queue.submit(Request(rate=4000, count=24_000, seed=7))
    for part in (1, 2):
        wanted = before + part * 6000
        eventually(lambda wanted=wanted: sum(market.ledger.last_seqs().values()) > wanted, "the stream flows")
        process: Process = getattr(market, victim)
        process.kill()
        process.start()
        process.wait_ready()
    eventually(lambda: market.queue.get(run.run_id).over, "the run ends", 120)
    market.bridge.wait_ready()
    market.check()
    done = market.queue.get(run.run_id)
    assert (done.state, done.events) == ("done", 24_000)
    assert done.attempt == (3 if victim == "exchange" else 1)


def test_a_second_bridge_takes_over_and_the_first_says_so(market):
    run = market.queue.submit(Request(rate=2000, duration_s=4))
    code = _fence(market)
    assert code == 1
    assert "took over" in market.bridge.log.read_text(encoding="utf-8")
    market.bridge.start()
    eventually(lambda: market.queue.get(run.run_id).over, "the run ends")
    market.bridge.wait_ready()
    market.check()


def _fence(market):
    """Open a second sink under the same transactional id, as another bridge would; returns the first one's exit code."""
    Sink(kafka_config(market.lake)).close()
    return market.bridge.wait(60)


def test_it_waits_for_kafka_and_goes_on(market):
    market.kafka.kill()
    market.run(rate=3000, count=6000)
    market.kafka.start()
    market.check()


def test_it_stops_at_once_when_asked(market):
    assert market.bridge.kill(signal.SIGTERM) == 0
    market.bridge.start()
    market.bridge.wait_ready()


def test_it_tells_prometheus_what_it_does(market):
    market.run(rate=2000, count=1000)
    market.check()
    eventually(lambda: gauge(market.lake, "lag_events") == 0, "the lag is shown as gone")
    text = requests.get(f"http://{market.lake.address('bridge_metrics')}/metrics", timeout=5).text
    for name in ("events_received_total", "events_produced_total", "connected", "last_event_timestamp_seconds"):
        assert f"tradelake_bridge_{name}" in text


def test_a_new_feed_is_read_from_its_start(market):
    before = len(market.read(RAW))
    market.exchange.kill()
    shutil.rmtree(market.exchange_directory / "ledger")
    market.exchange.start()
    market.exchange.wait_ready()
    market.run(rate=2000, count=1000)
    eventually(lambda: len(market.read(RAW)) >= before + 1000, "the new feed arrives")
    assert len(market.read(RAW)) == before + 1000
    assert "a new one" in market.bridge.log.read_text(encoding="utf-8")
