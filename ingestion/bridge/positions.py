"""How far the bridge got, kept in Kafka itself: a compacted topic, written in the same transactions as the events."""

from __future__ import annotations

from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from ingestion.topics import POSITIONS

PATIENCE_S = 10.0


class Position(msgspec.Struct, frozen=True):
    """Value of a record of the positions topic; its key is the channel."""

    feed_id: str
    next_seq: int


def encode_position(feed_id: str, next_seq: int) -> bytes:
    """A record's value."""
    return msgspec.json.encode(Position(feed_id, next_seq))


def read_positions(kafka: dict[str, Any]) -> dict[str, Position]:
    """The committed position of each channel.

    Read it only after `init_transactions`, which settles whatever an earlier bridge left open.

    Args:
        kafka: librdkafka configuration that reaches the broker.

    Raises:
        KafkaException: the broker does not answer.
    """
    consumer = Consumer(
        kafka
        | {
            "group.id": "bridge-positions",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
        }
    )
    positions: dict[str, Position] = {}
    try:
        consumer.assign([TopicPartition(POSITIONS, 0, 0)])
        while True:
            if (message := consumer.poll(PATIENCE_S)) is None:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{POSITIONS} gave nothing"))
            if (error := message.error()) is None:
                positions[(message.key() or b"").decode()] = msgspec.json.decode(message.value() or b"", type=Position)
            elif error.code() == KafkaError._PARTITION_EOF:
                return positions
            else:
                raise KafkaException(error)
    finally:
        consumer.close()
