"""Give the contract suites one way to make topics, fill them and look into them, in memory or on a real broker."""

# mypy: untyped-calls-exclude=aiokafka

from collections.abc import Sequence
from typing import Protocol
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from readmit_runtime.consumer_client import ConsumerClient
from readmit_runtime.consumer_settings import ConsumerSettings
from readmit_runtime.kafka_consumer import KafkaConsumerClient
from readmit_runtime.kafka_producer import KafkaProducer
from readmit_runtime.kafka_topic_reader import KafkaTopicReader
from readmit_runtime.messages import IncomingRecord, OutgoingRecord
from readmit_runtime.producer import Producer
from readmit_runtime.producer_settings import ProducerSettings
from readmit_runtime.settings import KafkaSettings
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_consumer import FakeConsumerClient
from readmit_runtime.testing.fake_producer import FakeProducer
from readmit_runtime.testing.fake_topic_reader import FakeTopicReader
from readmit_runtime.topic_reader import Start, TopicReader, read_to_end

# quick sessions and fetches: a test that kills a member should not wait half a minute for its partitions
QUICK = ConsumerSettings(session_timeout_s=6, heartbeat_s=0.2, rebalance_timeout_s=20, revoke_budget_s=10, poll_s=0.1)


class Cluster(Protocol):
    """A broker as the suites see it."""

    async def create_topic(self, *, partitions: int = 1) -> str:
        """Make an empty topic of its own name for one test."""
        ...

    async def fill(self, topic: str, values: Sequence[bytes], *, partition: int = 0) -> None:
        """Store values in one partition, in order."""
        ...

    def consumer(self, topic: str, *, group_id: str) -> ConsumerClient:
        """Return a client that is not started."""
        ...

    def producer(self) -> Producer:
        """Return a producer; the test closes it."""
        ...

    def reader(self, topic: str, *, start: Start | None = None) -> TopicReader:
        """Return a reader that is not started."""
        ...

    async def records(self, topic: str) -> list[IncomingRecord]:
        """Return all that stands in the topic."""
        ...


class FakeCluster:
    """A cluster in memory."""

    def __init__(self, broker: FakeBroker | None = None) -> None:
        self.broker = broker or FakeBroker()

    async def create_topic(self, *, partitions: int = 1) -> str:
        """Make an empty topic of its own name for one test."""
        name = f"test.{uuid4().hex}"
        self.broker.create_topic(name, partitions=partitions)
        return name

    async def fill(self, topic: str, values: Sequence[bytes], *, partition: int = 0) -> None:
        """Store values in one partition, in order."""
        for value in values:
            self.broker.append(OutgoingRecord(topic, b"key", value, (("name", value),)), partition=partition)

    def consumer(self, topic: str, *, group_id: str) -> FakeConsumerClient:
        """Return a client that is not started."""
        return FakeConsumerClient(self.broker, topics=[topic], group_id=group_id)

    def producer(self) -> FakeProducer:
        """Return a producer; the test closes it."""
        return FakeProducer(self.broker)

    def reader(self, topic: str, *, start: Start | None = None) -> FakeTopicReader:
        """Return a reader that is not started."""
        return FakeTopicReader(self.broker, topic, start=start)

    async def records(self, topic: str) -> list[IncomingRecord]:
        """Return all that stands in the topic."""
        return self.broker.records(topic)


class KafkaCluster:
    """A real broker without authentication."""

    def __init__(self, bootstrap_servers: str) -> None:
        self.kafka = KafkaSettings(bootstrap_servers=bootstrap_servers)

    async def create_topic(self, *, partitions: int = 1) -> str:
        """Make an empty topic of its own name for one test."""
        name = f"test.{uuid4().hex}"
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap_servers)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(name, partitions, 1)])
        finally:
            await admin.close()
        return name

    async def fill(self, topic: str, values: Sequence[bytes], *, partition: int = 0) -> None:
        """Store values in one partition, in order."""
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka.bootstrap_servers, acks="all")
        await producer.start()
        try:
            for value in values:
                await producer.send(topic, value, key=b"key", partition=partition, headers=[("name", value)])
        finally:
            await producer.stop()

    def consumer(self, topic: str, *, group_id: str) -> KafkaConsumerClient:
        """Return a client that is not started."""
        return KafkaConsumerClient(self.kafka, QUICK, topics=[topic], group_id=group_id, client_id="test")

    def producer(self) -> KafkaProducer:
        """Return a producer; the test closes it."""
        return KafkaProducer(self.kafka, ProducerSettings(delivery_limit_s=5), client_id="test")

    def reader(self, topic: str, *, start: Start | None = None) -> KafkaTopicReader:
        """Return a reader that is not started."""
        return KafkaTopicReader(self.kafka, topic, client_id="test", start=start)

    async def records(self, topic: str) -> list[IncomingRecord]:
        """Return all that stands in the topic."""
        return await read_to_end(self.reader(topic), limit_s=20)
