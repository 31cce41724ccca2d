"""The Kafka topics of market data: what they are, and making the broker agree."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # the package re-exports them without saying so
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from governance.contracts import DEAD_LETTER_TOPIC, RAW_TOPIC, contracts
from ingestion.exceptions import TopicMismatchError
from stack.connections import kafka_config

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stack.settings import Settings

log = logging.getLogger(__name__)
RAW = RAW_TOPIC
DEAD_LETTERS = DEAD_LETTER_TOPIC
POSITIONS = "market.bridge"
MOST_DEAD_LETTER_BYTES = 20 << 20
TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Topic:
    """One topic as it should be."""

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)


def topics(lake: Settings) -> tuple[Topic, ...]:
    """All topics of market data."""
    events = {
        "cleanup.policy": "delete",
        "retention.ms": str(lake.kafka_retention_ms),
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(2 * lake.max_event_bytes),
    }
    dead = events | {"max.message.bytes": str(MOST_DEAD_LETTER_BYTES)}
    positions = {"cleanup.policy": "compact", "segment.bytes": str(4 << 20), "min.cleanable.dirty.ratio": "0.2"}
    routed = (Topic(contract.topic, lake.raw_partitions, events) for contract in contracts())
    return (
        Topic(RAW, lake.raw_partitions, events),
        *routed,
        Topic(DEAD_LETTERS, 1, dead),
        Topic(POSITIONS, 1, positions),
    )


def ensure_topics(lake: Settings, wanted: Iterable[Topic] | None = None) -> None:
    """Create missing topics and correct the settings of existing ones.

    Raises:
        TopicMismatchError: a topic has another number of partitions, which would move keys between partitions.
    """
    wanted = tuple(topics(lake) if wanted is None else wanted)
    admin = AdminClient(kafka_config(lake))
    present = admin.list_topics(timeout=TIMEOUT_S).topics
    for topic in wanted:
        if topic.name in present and (count := len(present[topic.name].partitions)) != topic.partitions:
            raise TopicMismatchError(
                f"topic {topic.name} has {count} partitions, not {topic.partitions}: changing them would break the order "
                f"of a symbol's events; set LAKE_RAW_PARTITIONS={count}, or `lake reset --yes` to start over"
            )
    missing = [topic for topic in wanted if topic.name not in present]
    _create(admin, missing)
    _correct(admin, [topic for topic in wanted if topic.name in present])


def _create(admin: AdminClient, missing: list[Topic]) -> None:
    if not missing:
        return
    new = [
        NewTopic(topic.name, num_partitions=topic.partitions, replication_factor=1, config=topic.config)
        for topic in missing
    ]
    for name, future in admin.create_topics(new, request_timeout=TIMEOUT_S).items():
        try:
            future.result()
            log.info("created topic %s", name)
        except KafkaException as error:
            if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
                raise


def _correct(admin: AdminClient, existing: list[Topic]) -> None:
    resources = {topic.name: ConfigResource(ResourceType.TOPIC, topic.name) for topic in existing}
    if not resources:
        return
    answers: dict[Any, Any] = admin.describe_configs(list(resources.values()), request_timeout=TIMEOUT_S)
    actual = {resource.name: future.result() for resource, future in answers.items()}
    changes = []
    for topic in existing:
        wrong = {key: value for key, value in topic.config.items() if actual[topic.name][key].value != value}
        if wrong:
            log.warning("topic %s: setting %s", topic.name, wrong)
            entries = [
                ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in wrong.items()
            ]
            changes.append(ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=entries))
    if changes:
        for future in admin.incremental_alter_configs(changes, request_timeout=TIMEOUT_S).values():
            future.result()
