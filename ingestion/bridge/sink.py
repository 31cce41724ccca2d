"""Writes batches to Kafka: each one, with the positions it leads to, in one transaction."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException, Producer

from ingestion.bridge.metrics import LAST_EVENT, PRODUCED, TRANSACTION
from ingestion.bridge.positions import Position, encode_position, read_positions
from ingestion.exceptions import FencedError
from ingestion.topics import DEAD_LETTERS, MOST_DEAD_LETTER_BYTES, POSITIONS, RAW

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingestion.bridge.batch import Batch

log = logging.getLogger(__name__)
TRANSACTIONAL_ID = "tradelake-bridge"
INIT_TIMEOUT_S = 10.0
COMMIT_TIMEOUT_S = 60.0
FENCED = {KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED}
TUNING = {
    "compression.type": "lz4",
    "linger.ms": 20,
    "batch.size": 900_000,
    "batch.num.messages": 50_000,
    "queue.buffering.max.messages": 1_000_000,
    "queue.buffering.max.kbytes": 256 << 10,
    "message.max.bytes": MOST_DEAD_LETTER_BYTES,
    "transaction.timeout.ms": 60_000,
}


class Sink:
    """A transactional producer. Its calls block; give them a thread.

    Opening it fences any other bridge, and aborts or completes what that one left open.

    Args:
        kafka: librdkafka configuration that reaches the broker.

    Raises:
        KafkaException: the broker does not answer.
    """

    def __init__(self, kafka: dict[str, Any]) -> None:
        self._kafka = kafka
        self._producer = Producer(kafka | TUNING | {"transactional.id": TRANSACTIONAL_ID}, logger=log)
        self._producer.init_transactions(INIT_TIMEOUT_S)
        self.positions: dict[str, Position] = read_positions(kafka)

    def write(self, batch: Batch, feed_id: str) -> None:
        """Commit a batch; when this raises, whether it was committed is for the positions topic to say.

        Raises:
            FencedError: another bridge has taken over.
            KafkaException: the broker is gone or refused; open a new sink and go on from its positions.
        """
        started = time.monotonic()
        try:
            self._producer.begin_transaction()
            self._produce(RAW, zip(batch.values, batch.keys, strict=True))
            for letter in batch.dead:
                self._produce_one(DEAD_LETTERS, letter.value, headers=letter.headers(feed_id))
            self._produce(POSITIONS, ((encode_position(feed_id, seq), name) for name, seq in batch.next_seq.items()))
            self._commit()
        except KafkaException as error:
            if error.args[0].code() in FENCED:
                raise FencedError(
                    f"another bridge with the transactional id {TRANSACTIONAL_ID!r} took over; run one bridge per lake ({error})"
                ) from error
            raise
        PRODUCED.inc(len(batch.values))
        LAST_EVENT.set_to_current_time()
        TRANSACTION.observe(time.monotonic() - started)

    def close(self) -> None:
        """Drop what is not committed."""
        self._producer.purge()

    def _produce(self, topic: str, records: Iterable[tuple[bytes, str]]) -> None:
        produce = self._producer.produce
        for value, key in records:
            try:
                produce(topic, value, key)
            except BufferError:
                self._produce_one(topic, value, key=key)

    def _produce_one(self, topic: str, value: bytes, **rest: Any) -> None:
        deadline = time.monotonic() + COMMIT_TIMEOUT_S
        while True:
            try:
                return self._producer.produce(topic, value, **rest)
            except BufferError:
                if time.monotonic() > deadline:
                    raise KafkaException(KafkaError(KafkaError._QUEUE_FULL, "Kafka takes nothing")) from None
                self._producer.poll(0.05)

    def _commit(self) -> None:
        deadline = time.monotonic() + COMMIT_TIMEOUT_S
        while True:
            try:
                return self._producer.commit_transaction(COMMIT_TIMEOUT_S)
            except KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() > deadline:
                    raise
                log.warning("commit is retried: %s", error)
