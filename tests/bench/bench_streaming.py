"""How fast the market job reads, against a job that only parses, on the same topic and the same Flink.

`LAKE_HOME=... LAKE_PORT_BASE=... python -m tests.bench.bench_streaming` on a lake that is up. The market job is stopped
meanwhile; rows go to tables of their own, in the namespace `bench`.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import requests
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from governance.contracts import contracts
from stack.connections import iceberg_catalog, kafka_config
from stack.flink import rest_url
from stack.settings import Settings, settings
from streaming.flink_rest import MARKET_JOB, TERMINAL, FlinkRest
from streaming.keeper import paused_mark
from streaming.rendering import LAND, PARSE, ROUTE, configuration, render, variables
from streaming.settings import streaming_settings
from streaming.spec import EVENT_TIME
from streaming.submit import run_client
from streaming.tables import ensure_table

TOPIC = "bench.raw"
NAMESPACE = "bench"
BLACKHOLE = Path(__file__).with_name("blackhole.sql")
VARIANTS: dict[str, tuple[Path, ...]] = {
    "parse -> blackhole": (PARSE, BLACKHOLE),
    "dedupe -> Iceberg": (PARSE, LAND),
    "route + dedupe -> Iceberg": (PARSE, ROUTE, LAND),
}
SQL_TYPES = {"varchar": "STRING", "integer": "INT", "timestamp(6) with time zone": "TIMESTAMP_LTZ(6)"}


@dataclasses.dataclass(frozen=True)
class Run:
    """One variant, once."""

    seconds: float
    cpu_us: float
    """CPU time of the TaskManager per event, in microseconds."""


def events(count: int) -> Iterator[tuple[str, bytes]]:
    """Events that look like a day's mix: half orders, a third quotes, a seventh trades, few status messages."""
    draw = random.Random(1).getrandbits
    now = datetime.now(UTC)
    day, second = f"{now:%Y-%m-%d}", f"{now:%Y-%m-%dT%H:%M:%S}"
    for number in range(count):
        kind, symbol = draw(8), f"SY{chr(65 + draw(8) % 26)}"
        price, size = f"{50 + draw(7)}.{draw(8) % 100:02d}", 100 + draw(9)
        head = (
            f'"event_id":"{draw(128):032x}","source":"bench","venue":"XNAS","symbol":"{symbol}",'
            f'"trading_day":"{day}","event_ts":"{second}.{number % 1_000_000:06d}Z"'
        )
        if kind < 36:
            tail = (
                f'"trade_id":"T{number:010d}","price":"{price}","quantity":{size},"buy_order_id":"O{draw(30):010d}",'
                f'"sell_order_id":"O{draw(30):010d}","aggressor_side":"buy"'
            )
            yield symbol, f'{{"type":"trade",{head},{tail}}}'.encode()
        elif kind < 160:
            tail = (
                f'"order_id":"O{number:010d}","order_version":{1 + draw(2)},"order_status":"new","side":"sell",'
                f'"order_type":"limit","time_in_force":"day","price":"{price}","quantity":{size},"filled_quantity":0,'
                f'"leaves_quantity":{size},"account_id":"A{draw(18):06d}","trader_id":"T{draw(10):04d}",'
                f'"broker_id":"BRK{draw(4):02d}"'
            )
            yield symbol, f'{{"type":"order",{head},{tail}}}'.encode()
        elif kind < 254:
            tail = (
                f'"quote_id":"Q{number:010d}","bid_price":"{price}","bid_quantity":{size},"ask_price":"{price}",'
                f'"ask_quantity":{size}'
            )
            yield symbol, f'{{"type":"quote",{head},{tail}}}'.encode()
        else:
            yield symbol, f'{{"type":"status",{head},"status_id":"S{number:010d}","status":"open"}}'.encode()


def fill(lake: Settings, count: int) -> None:
    """Put `count` events on the benchmark's own topic, anew."""
    admin = AdminClient(kafka_config(lake))
    if TOPIC in admin.list_topics(timeout=10).topics:
        admin.delete_topics([TOPIC])[TOPIC].result()
        while TOPIC in admin.list_topics(timeout=10).topics:
            time.sleep(0.2)
    admin.create_topics([NewTopic(TOPIC, lake.raw_partitions, 1)])[TOPIC].result()
    config = {"enable.idempotence": True, "linger.ms": 20, "compression.type": "lz4"}
    producer = Producer(kafka_config(lake, **config, **{"queue.buffering.max.messages": 1_000_000}))
    for number, (key, payload) in enumerate(events(count)):
        producer.produce(TOPIC, payload, key)
        if number % 1000 == 0:
            while len(producer) > 500_000:
                producer.poll(0.1)
            producer.poll(0)
    assert producer.flush(120) == 0


def bench_values(lake: Settings) -> dict[str, Any]:
    """The market job's own variables, pointed at the benchmark's topic and tables."""
    values = variables(lake, streaming_settings())
    moved = [dataclasses.replace(t, identifier=f"{NAMESPACE}.{t.name}") for t in values["tables"]]
    types = {
        contract.table.split(".")[1]: {
            field.name: SQL_TYPES.get(field.physical_type, field.physical_type.upper()) for field in contract.fields
        }
        for contract in contracts()
    }
    own = {"raw_topic": TOPIC, "tables": moved, "bounded": True, "void_source": "parsed", "void_columns": types}
    return {**values, **own, "transactional_id_prefix": f"bench-{time.time_ns()}"}


def clean_tables(lake: Settings) -> None:
    """Empty tables of the benchmark's own."""
    catalog = iceberg_catalog(lake)
    catalog.create_namespace_if_not_exists(NAMESPACE)
    for contract in contracts():
        identifier = f"{NAMESPACE}.{contract.table.split('.')[1]}"
        if catalog.table_exists(identifier):
            catalog.drop_table(identifier)
        ensure_table(catalog, identifier, contract.fields, EVENT_TIME, "benchmark")


def run(lake: Settings, variant: str, count: int, options: dict[str, str]) -> Run:
    """Run one variant to the end of the topic."""
    clean_tables(lake)
    taskmanager = _process(lake, "org.apache.flink.runtime.taskexecutor.TaskManagerRunner")
    before = sum(taskmanager.cpu_times()[:2])
    statements = render(VARIANTS[variant], bench_values(lake))
    chosen = {**configuration(), "pipeline.name": "bench", **options}
    job_id = run_client(lake, "bench", statements, chosen)
    while (job := next(j for j in FlinkRest(lake).jobs() if j.job_id == job_id)).state not in TERMINAL:
        time.sleep(0.25)
    assert job.state == "FINISHED", FlinkRest(lake).exceptions(job_id)[:1]
    cpu = sum(taskmanager.cpu_times()[:2]) - before
    return Run(_source_seconds(lake, job_id), cpu / count * 1e6)


def _source_seconds(lake: Settings, job_id: str) -> float:
    """From the first record's reader to the last: the sources end when everything behind them has taken all."""
    url = f"{rest_url(lake)}/jobs/{job_id}"
    (source,) = [v for v in requests.get(url, timeout=10).json()["vertices"] if v["name"].startswith("Source")]
    subtasks = requests.get(f"{url}/vertices/{source['id']}", timeout=10).json()["subtasks"]
    return float(max(s["end-time"] for s in subtasks) - min(s["start-time"] for s in subtasks)) / 1000


def _process(lake: Settings, main: str) -> psutil.Process:
    for process in psutil.process_iter(["cmdline"]):
        arguments = process.info["cmdline"] or []
        if main in arguments and any(str(lake.home) in argument for argument in arguments):
            return process
    raise SystemExit(f"no {main} of {lake.home} runs; `lake up` first")


@contextmanager
def market_job_stopped(lake: Settings) -> Iterator[None]:
    """Give the benchmark the whole TaskManager."""
    rest = FlinkRest(lake)
    mine = not paused_mark(lake).exists()
    paused_mark(lake).touch()
    try:
        if (job := rest.live_job(MARKET_JOB)) is not None:
            rest.savepoint(job.job_id, stop=True)
        yield
    finally:
        if mine:
            paused_mark(lake).unlink()


def main() -> None:
    """Alternate the variants, and print medians and ratios."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--events", type=int, default=3_000_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--variant", action="append", choices=list(VARIANTS))
    arguments.add_argument("--option", action="append", default=[], help="Flink option as key=value")
    arguments.add_argument("--keep-topic", action="store_true", help="use what an earlier run put there")
    chosen = arguments.parse_args()
    lake, variants = settings(), chosen.variant or list(VARIANTS)
    options = dict(option.split("=", 1) for option in chosen.option)
    with market_job_stopped(lake):
        if not chosen.keep_topic:
            fill(lake, chosen.events)
        runs: dict[str, list[Run]] = {variant: [] for variant in variants}
        for number in range(chosen.rounds):
            for variant in variants:
                runs[variant].append(one := run(lake, variant, chosen.events, options))
                rate, cpu, load = chosen.events / one.seconds, one.cpu_us, os.getloadavg()[0]
                print(
                    f"{number + 1} {variant:28} {rate:9,.0f} events/s {cpu:6.2f} us CPU (load {load:.1f})", flush=True
                )
    medians = {variant: statistics.median(one.seconds for one in runs[variant]) for variant in variants}
    for variant, seconds in medians.items():
        ratio = medians[variants[0]] / seconds
        print(f"median {variant:28} {chosen.events / seconds:9,.0f} events/s, {ratio:.2f} of {variants[0]}")


if __name__ == "__main__":
    main()
