"""Make topics, records of a given age and committed groups on a real broker."""

# mypy: untyped-calls-exclude=aiokafka

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from readmit_runtime.group_lag import GroupLag, LagReport
from readmit_runtime.lag_reader import LagReader
from readmit_runtime.settings import KafkaSettings

COMPACTION_LIMIT_S = 60.0  # the cleaner looks for work every 15 s


class LagRig:
    """One topic of a test's own, and the groups that read it."""

    def __init__(self, bootstrap: str, topic: str, admin: AIOKafkaAdminClient) -> None:
        self._bootstrap = bootstrap
        self._admin = admin
        self.topic = topic
        self.kafka = KafkaSettings(bootstrap_servers=bootstrap)

    @classmethod
    @asynccontextmanager
    async def open(cls, bootstrap: str) -> AsyncIterator["LagRig"]:
        """Give the rig; its topic is not made yet."""
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            yield cls(bootstrap, f"test.{uuid4().hex}", admin)
        finally:
            await admin.close()

    async def create(self, *, partitions: int = 1, **settings: str) -> None:
        """Make the topic; a setting's name has underscores for dots."""
        configuration = {name.replace("_", "."): value for name, value in settings.items()}
        await self._admin.create_topics([NewTopic(self.topic, partitions, 1, topic_configs=configuration)])

    async def delete(self) -> None:
        """Delete the topic."""
        await self._admin.delete_topics([self.topic])

    async def cut(self, first: int) -> None:
        """Remove what stands before an offset of partition 0, as retention does."""
        await self._admin.delete_records({TopicPartition(self.topic, 0): RecordsToDelete(before_offset=first)})

    async def write(self, *ages_s: float, key: bytes = b"key", partition: int = 0) -> None:
        """Write a record of each age."""
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all")
        await producer.start()
        try:
            for age_s in ages_s:
                at = int((time.time() - age_s) * 1000)
                await producer.send_and_wait(self.topic, b"value", key=key, partition=partition, timestamp_ms=at)
        finally:
            await producer.stop()

    async def compacted(self, *, upto: int) -> None:
        """Wait until compaction has removed the records of partition 0 before an offset.

        Only what stands in a closed segment is compacted, and a new record closes one that is old enough.
        """
        async with asyncio.timeout(COMPACTION_LIMIT_S):
            while True:
                await asyncio.sleep(1.5)
                await self.write(0, key=b"closes the segment")
                async with self._consumer(None) as consumer:
                    consumer.assign([TopicPartition(self.topic, 0)])
                    consumer.seek(TopicPartition(self.topic, 0), 0)
                    if (await consumer.getone()).offset >= upto:
                        return

    async def transaction(self, *, age_s: float) -> None:
        """Write one record in a transaction, and with it the marker of its end."""
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, transactional_id=uuid4().hex)
        await producer.start()
        try:
            async with producer.transaction():
                at = int((time.time() - age_s) * 1000)
                await producer.send_and_wait(self.topic, b"value", partition=0, timestamp_ms=at)
        finally:
            await producer.stop()

    async def commit(self, group: str, offsets: Mapping[int, int]) -> None:
        """Let a group without members commit these offsets."""
        async with self._consumer(group) as consumer:
            consumer.assign([TopicPartition(self.topic, number) for number in offsets])
            await consumer.commit({TopicPartition(self.topic, number): offset for number, offset in offsets.items()})

    @asynccontextmanager
    async def member(self, group: str) -> AsyncIterator[None]:
        """Let a member of the group hold every partition within the block, and read nothing."""
        async with self._consumer(group) as consumer:
            consumer.subscribe([self.topic])
            while not consumer.assignment():
                await asyncio.sleep(0.05)
            yield

    @asynccontextmanager
    async def _consumer(self, group: str | None) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, group_id=group, enable_auto_commit=False)
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()

    async def report(self) -> LagReport:
        """Return one look at the topic."""
        async with LagReader.connect(self.kafka, [self.topic], client_id="test") as reader:
            return await reader.read()

    async def group(self, name: str) -> GroupLag:
        """Return the lag of a group."""
        (found,) = [group for group in (await self.report()).groups if group.group == name]
        return found
