"""The fakes keep the promises of the real clients: the same suites run against a broker in tests/integration."""

import pytest
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_clock import FakeClock
from support.consumer_contract import ConsumerContract
from support.kafka_cluster import FakeCluster
from support.producer_contract import ProducerContract
from support.topic_reader_contract import TopicReaderContract


@pytest.fixture
def cluster() -> FakeCluster:
    """Return a cluster in memory."""
    return FakeCluster(FakeBroker(FakeClock()))


class TestFakeConsumer(ConsumerContract):
    pass


class TestFakeProducer(ProducerContract):
    pass


class TestFakeTopicReader(TopicReaderContract):
    pass
