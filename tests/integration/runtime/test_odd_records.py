"""What any writer may put into a topic and no reader may die of, on a real broker."""

# mypy: untyped-calls-exclude=aiokafka

import asyncio
from collections.abc import Sequence
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from readmit_runtime.consumer import GroupConsumer
from readmit_runtime.consumer_progress import ConsumerProgress
from readmit_runtime.errors import Rejected, Transient
from readmit_runtime.kafka_unpacking import UNPACKED_MAX_BYTES
from readmit_runtime.messages import IncomingRecord, incoming
from readmit_runtime.topic_admin import lag_of
from readmit_runtime.topic_reader import read_to_end
from support.kafka_cluster import QUICK, KafkaCluster

LIMIT_S = 30.0


class NotUtf8(str):
    """A name that is written as bytes which are no text."""

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Give the bytes."""
        return b"\xff\xfe"


class Readings:
    """A group that reads one topic until stopped."""

    def __init__(self, cluster: KafkaCluster, topic: str, *, failures: int = 0) -> None:
        self.group_id = f"group.{uuid4().hex}"
        self.lag = lag_of(cluster.kafka, group_id=self.group_id, topics=[topic], client_id="test")
        self.progress = ConsumerProgress()
        self.records: list[IncomingRecord] = []
        self._failures = failures
        client = cluster.consumer(topic, group_id=self.group_id)
        self._loop = GroupConsumer(client, self._handle, QUICK, progress=self.progress)

    async def _handle(self, records: Sequence[IncomingRecord]) -> None:
        if self._failures:
            self._failures -= 1
            raise Transient("a dependency is away")
        self.records.extend(records)

    async def until_nothing_waits(self) -> None:
        """Read until the group is seen to have no lag, then leave."""
        stop = asyncio.Event()
        loop = asyncio.create_task(self._loop.run(stop))
        try:
            async with asyncio.timeout(LIMIT_S):
                while not loop.done() and any(lag.waiting or not lag.committed for lag in await self.lag()):
                    await asyncio.sleep(0.1)
        finally:
            stop.set()
            await loop


@pytest.fixture
def cluster(kafka_bootstrap: str) -> KafkaCluster:
    """Return the real broker."""
    return KafkaCluster(kafka_bootstrap)


async def write_unreadable(cluster: KafkaCluster, topic: str, *, partition: int) -> None:
    """Write a record of which a header's name is not UTF-8, as librdkafka lets anyone do."""
    producer = AIOKafkaProducer(bootstrap_servers=cluster.kafka.bootstrap_servers, acks="all")
    await producer.start()
    try:
        batch = producer.create_batch()
        batch._builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, 0, 16_384)
        batch.append(key=b"key", value=b"unreadable", timestamp=1, headers=[(NotUtf8("name"), b"1")])
        await (await producer.send_batch(batch, topic, partition=partition))
    finally:
        await producer.stop()


@pytest.mark.parametrize("failures", [0, 2])
async def test_a_header_whose_name_is_not_utf8_stops_neither_its_partition_nor_the_others(
    cluster: KafkaCluster, failures: int
) -> None:
    """The library raises out of the poll, at each start again; one such record would end the service for good."""
    topic = await cluster.create_topic(partitions=3)
    for partition in range(3):
        await cluster.fill(topic, [b"%d-%d" % (partition, number) for number in range(20)], partition=partition)
    await write_unreadable(cluster, topic, partition=1)
    await cluster.fill(topic, [b"1-after"], partition=1)

    readings = Readings(cluster, topic, failures=failures)
    await readings.until_nothing_waits()

    where = [(record.partition, record.offset) for record in readings.records]
    assert sorted(where) == sorted(
        [*((partition, number) for partition in range(3) for number in range(20)), (1, 20), (1, 21)]
    )
    unreadable = next(record for record in readings.records if record.value is None)
    assert (unreadable.partition, unreadable.offset) == (1, 20)
    with pytest.raises(Rejected, match="absent"):
        incoming(unreadable)


async def test_a_reader_without_a_group_steps_over_it_too(cluster: KafkaCluster) -> None:
    """Every predictor reads the promotions from their beginning."""
    topic = await cluster.create_topic()
    await cluster.fill(topic, [b"a"])
    await write_unreadable(cluster, topic, partition=0)
    await cluster.fill(topic, [b"b"])
    records = await read_to_end(cluster.reader(topic), limit_s=LIMIT_S)
    assert [record.value for record in records] == [b"a", None, b"b"]


@pytest.mark.parametrize("packing", ["gzip", "lz4", "zstd"])
async def test_a_batch_that_unpacks_beyond_all_bounds_is_stepped_over(cluster: KafkaCluster, packing: str) -> None:
    """The broker takes it, for it is small as sent; unpacked, a few of them are more than the machine has."""
    topic = await cluster.create_topic()
    await cluster.fill(topic, [b"before"])
    huge = 2 * UNPACKED_MAX_BYTES
    producer = AIOKafkaProducer(
        bootstrap_servers=cluster.kafka.bootstrap_servers,
        compression_type=packing,
        max_request_size=2 * huge,
        max_batch_size=2 * huge,
    )
    await producer.start()
    await producer.send_and_wait(topic, bytes(huge), key=b"key")
    await producer.send_and_wait(topic, b"after", key=b"key")
    await producer.stop()

    readings = Readings(cluster, topic)
    await readings.until_nothing_waits()
    assert [record.value for record in readings.records] == [b"before", None, b"after"]


async def test_the_end_of_a_transaction_does_not_wait_for_a_reader(cluster: KafkaCluster) -> None:
    """It takes an offset that no record has: a group that never committed past it would look stuck for ever."""
    topic = await cluster.create_topic()
    producer = AIOKafkaProducer(bootstrap_servers=cluster.kafka.bootstrap_servers, transactional_id=topic)
    await producer.start()
    async with producer.transaction():
        await producer.send(topic, b"a", key=b"key")
    await producer.stop()

    readings = Readings(cluster, topic)
    await readings.until_nothing_waits()
    assert [record.value for record in readings.records] == [b"a"]
    assert readings.progress.behind == 0
