import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from ingestion.exceptions import TopicMismatchError
from ingestion.topics import POSITIONS, RAW, Topic, ensure_topics, topics
from stack.connections import kafka_config

pytestmark = pytest.mark.integration


def config_of(lake, topic):
    resource = ConfigResource(ResourceType.TOPIC, topic)
    admin = AdminClient(kafka_config(lake))
    (future,) = admin.describe_configs([resource]).values()
    return {name: entry.value for name, entry in future.result().items()}


def test_all_topics_are_there_as_declared(market):
    present = AdminClient(kafka_config(market.lake)).list_topics(timeout=10).topics
    for topic in topics(market.lake):
        assert len(present[topic.name].partitions) == topic.partitions
        config = config_of(market.lake, topic.name)
        assert {name: config[name] for name in topic.config} == topic.config
    assert config_of(market.lake, POSITIONS)["cleanup.policy"] == "compact"


def test_settings_that_drifted_are_corrected(market):
    ensure_topics(market.lake, [Topic("test.drift", 1, {"retention.ms": "1000"})])
    ensure_topics(market.lake, [Topic("test.drift", 1, {"retention.ms": "2000", "cleanup.policy": "delete"})])
    assert config_of(market.lake, "test.drift")["retention.ms"] == "2000"


def test_another_number_of_partitions_is_refused(market):
    with pytest.raises(TopicMismatchError, match=f"{RAW} has 4 partitions, not 7"):
        ensure_topics(market.lake, [Topic(RAW, 7)])
