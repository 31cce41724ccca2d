"""Events per second of the bridge and of a naive loop, from the same ledger into the same Kafka, in turns.

`python -m tests.bench.bench_bridge` starts a Kafka and an exchange of its own. Rates come from the broker's clock: events after
the first append, over the time from the first to the last.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from typing import Any

from confluent_kafka.admin import AdminClient
from rich.console import Console

from ingestion.bridge.positions import read_positions
from ingestion.exchange.engine import Engine
from ingestion.exchange.ledger_writer import Entry, LedgerWriter
from ingestion.exchange.options import run_options
from ingestion.tests.market import Market, eventually, kafka_lake, running
from ingestion.topics import DEAD_LETTERS, POSITIONS, RAW, Topic, ensure_topics, topics
from stack.connections import kafka_config
from stack.settings import REPO

NAIVE = "bench.naive"
SLICE_US = 20_000
console = Console(stderr=True, highlight=False)


def write_ledger(market: Market, count: int) -> None:
    """Trade `count` events straight into the exchange's ledger."""
    engine = Engine(run_options(rate=20_000, count=count))
    writer = LedgerWriter(market.exchange_directory / "ledger")
    until = 0
    while not engine.finished:
        until += SLICE_US
        engine.run(until)
        batch = engine.tape.take()
        writer.append(Entry(channel, text.count("\n") + 1, text.encode()) for channel, text in batch.items())
    writer.close()


def renew(market: Market, *names: str) -> None:
    """Empty some topics."""
    admin = AdminClient(kafka_config(market.lake))
    present = admin.list_topics(timeout=10).topics
    if old := [name for name in names if name in present]:
        for future in admin.delete_topics(old).values():
            future.result()
    eventually(lambda: not set(names) & set(admin.list_topics(timeout=10).topics), "topics are deleted")
    raw = next(topic for topic in topics(market.lake) if topic.name == RAW)
    wanted = [*topics(market.lake), Topic(NAIVE, raw.partitions, raw.config)]
    ensure_topics(market.lake, [topic for topic in wanted if topic.name in names])


def rate(market: Market, topic: str) -> float:
    """Events per second that a topic took, by the broker's clock."""
    stamps = sorted(message.timestamp()[1] for message in market.read(topic))
    first, last = stamps[0], stamps[-1]
    return sum(stamp > first for stamp in stamps) / (last - first) * 1000


def committed(market: Market) -> int:
    """Events up to which the bridge has committed."""
    return sum(position.next_seq - 1 for position in read_positions(kafka_config(market.lake)).values())


def bridge_rate(market: Market, count: int) -> float:
    """One run of the bridge over the whole ledger."""
    renew(market, RAW, DEAD_LETTERS, POSITIONS)
    market.bridge.start()
    eventually(lambda: committed(market) == count, "the bridge carries the ledger", 120)
    market.bridge.stop()
    assert len(market.read(RAW)) == count
    return rate(market, RAW)


def naive_rate(market: Market, count: int, batch: int) -> float:
    """One run of the naive loop over the first `count` events or a few more."""
    renew(market, NAIVE)
    url, kafka = f"ws://{market.lake.address('exchange')}", market.lake.address("kafka")
    command = [sys.executable, "-m", "tests.bench.naive_bridge", url, kafka, NAIVE]
    subprocess.run([*command, "--count", str(count), "--batch", str(batch)], cwd=REPO, check=True)
    return rate(market, NAIVE)


def measure(rounds: int, count: int, naive_count: int) -> dict[str, Any]:
    """Median rates and their ratios."""
    rates: dict[str, list[float]] = {"bridge": [], "naive": [], "naive_batched": []}
    with kafka_lake() as lake:
        market = Market(lake)
        console.print(f"writing a ledger of {count:,} events")
        write_ledger(market, count)
        with running(market, market.exchange):
            for number in range(1, rounds + 1):
                rates["naive"].append(naive_rate(market, naive_count, 1))
                rates["bridge"].append(bridge_rate(market, count))
                rates["naive_batched"].append(naive_rate(market, naive_count, 500))
                said = ", ".join(f"{name} {values[-1]:,.0f}/s" for name, values in rates.items())
                console.print(f"round {number} of {rounds}: {said}")
    medians = {name: statistics.median(values) for name, values in rates.items()}
    return {
        "bridge_events_per_s": round(medians["bridge"]),
        "naive_events_per_s": round(medians["naive"]),
        "naive_batched_events_per_s": round(medians["naive_batched"]),
        "bridge_over_naive": round(medians["bridge"] / medians["naive"], 2),
        "bridge_over_naive_batched": round(medians["bridge"] / medians["naive_batched"], 2),
        "rounds": rounds,
    }


def main() -> None:
    """Measure and print as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=500_000)
    parser.add_argument("--naive-count", type=int, default=60_000)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.rounds, arguments.count, arguments.naive_count), indent=2))


if __name__ == "__main__":
    main()
