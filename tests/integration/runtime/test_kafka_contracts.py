"""The real clients keep the promises that the fakes make in tests/unit."""

import pytest
from support.consumer_contract import ConsumerContract
from support.kafka_cluster import KafkaCluster
from support.producer_contract import ProducerContract
from support.topic_reader_contract import TopicReaderContract


@pytest.fixture
def cluster(kafka_bootstrap: str) -> KafkaCluster:
    """Return the real broker."""
    return KafkaCluster(kafka_bootstrap)


class TestKafkaConsumer(ConsumerContract):
    pass


class TestKafkaProducer(ProducerContract):
    pass


class TestKafkaTopicReader(TopicReaderContract):
    pass
