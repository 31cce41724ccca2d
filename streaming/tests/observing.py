"""What tests see of a running lake: rows of a table, committed messages of a topic."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from stack.connections import iceberg_catalog, kafka_config
from stack.settings import Settings


def eventually(holds: Callable[[], bool], what: str, within_s: float = 120) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"after {within_s:.0f} s still not: {what}"
        time.sleep(0.5)


def rows(lake: Settings, table: str, source: str) -> list[dict[str, Any]]:
    scan = iceberg_catalog(lake).load_table(table).scan(row_filter=f"source = '{source}'")
    return list(scan.to_arrow().to_pylist())


def committed(lake: Settings, topic: str) -> Iterator[tuple[bytes | None, bytes | None, dict[str, bytes]]]:
    """Key, value and headers of every committed message of a topic."""
    options = {"group.id": "test", "isolation.level": "read_committed", "enable.partition.eof": True}
    consumer = Consumer(kafka_config(lake, **options))
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        unfinished = set(partitions)
        while unfinished:
            message = consumer.poll(30)
            assert message is not None, f"{topic} has an end"
            if (error := message.error()) is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error
                unfinished.discard(message.partition())
            else:
                yield message.key(), message.value(), dict(message.headers() or [])  # type: ignore[arg-type]
    finally:
        consumer.close()
