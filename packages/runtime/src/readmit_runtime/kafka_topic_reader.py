"""Read a whole topic with aiokafka, without a group and without commits."""

# mypy: untyped-calls-exclude=aiokafka

import asyncio
from collections.abc import Mapping, Sequence
from typing import assert_never

from aiokafka import AIOKafkaConsumer, TopicPartition

from readmit_runtime.errors import Transient
from readmit_runtime.kafka_consumer import METADATA_AGE_MS, REQUEST_LIMIT_MS, close_consumer, incoming_record
from readmit_runtime.kafka_errors import transient_errors
from readmit_runtime.kafka_options import client_options
from readmit_runtime.kafka_polling import poll_records
from readmit_runtime.kafka_unpacking import bound_unpacking
from readmit_runtime.messages import IncomingRecord
from readmit_runtime.settings import KafkaSettings
from readmit_runtime.topic_reader import FromOffset, LastOffsets, Since, Start

MOST_RECORDS = 1_000


class KafkaTopicReader:
    """A TopicReader of a real topic; the position lives in this object alone."""

    def __init__(self, kafka: KafkaSettings, topic: str, *, client_id: str, start: Start | None = None) -> None:
        self._kafka = kafka
        self._topic = topic
        self._client_id = client_id
        self._start = start
        self._consumer: AIOKafkaConsumer | None = None
        self._ends: Mapping[TopicPartition, int] = {}
        self._caught_up = False

    @property
    def caught_up(self) -> bool:
        """Tell whether all that stood in the topic at the start was handed out."""
        return self._caught_up

    async def start(self) -> None:
        """Connect and note where the topic ends now."""
        bound_unpacking()
        consumer = AIOKafkaConsumer(
            **client_options(self._kafka),
            client_id=self._client_id,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            request_timeout_ms=REQUEST_LIMIT_MS,
            metadata_max_age_ms=METADATA_AGE_MS,
        )
        try:
            with transient_errors(f"opening {self._topic}"):
                async with asyncio.timeout(REQUEST_LIMIT_MS / 1000):
                    await consumer.start()
                    await self._open(consumer)
        except BaseException:
            await close_consumer(consumer)
            raise
        self._consumer = consumer
        await self._note_position()

    async def _open(self, consumer: AIOKafkaConsumer) -> None:
        if self._topic not in await consumer.topics():
            raise Transient(f"The topic {self._topic} does not exist or may not be read; create it or grant the right.")
        consumer.subscribe([self._topic])
        partitions = await self._partitions(consumer)
        self._ends = await consumer.end_offsets(partitions)
        for partition, offset in (await self._starts(consumer, partitions)).items():
            consumer.seek(partition, offset)

    async def _starts(
        self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
    ) -> Mapping[TopicPartition, int]:
        firsts: Mapping[TopicPartition, int] = await consumer.beginning_offsets(partitions)
        ends = self._ends
        match self._start:
            case None:
                return firsts
            case LastOffsets(count):
                return {part: max(firsts[part], ends[part] - count) for part in partitions}
            case FromOffset(number, offset):
                wanted = {part: offset if part.partition == number else ends[part] for part in partitions}
                return {part: min(max(firsts[part], wanted[part]), ends[part]) for part in partitions}
            case Since(time_ms):
                found = await consumer.offsets_for_times(dict.fromkeys(partitions, time_ms))
                return {part: ends[part] if found[part] is None else found[part].offset for part in partitions}
            case other:
                assert_never(other)

    async def _partitions(self, consumer: AIOKafkaConsumer) -> Sequence[TopicPartition]:
        while not consumer.assignment():  # noqa: ASYNC110 - a task of the library assigns, without an event for it
            await asyncio.sleep(0.01)
        return sorted(consumer.assignment())

    async def read(self, timeout_s: float) -> Sequence[IncomingRecord]:
        """Return the next records, each partition's together and in order."""
        if self._consumer is None:
            raise RuntimeError("The reader is not started; call start() first.")
        batches = await poll_records(self._consumer, timeout_s, max_records=MOST_RECORDS)
        await self._note_position()
        return [incoming_record(record) for partition in sorted(batches) for record in batches[partition]]

    async def _note_position(self) -> None:
        # the position, not the last record's offset: compaction may have taken the last records away
        if self._consumer is None or self._caught_up:
            return
        reached = [await self._consumer.position(partition) >= end for partition, end in self._ends.items()]
        self._caught_up = all(reached)

    async def stop(self) -> None:
        """Disconnect within a limit."""
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await close_consumer(consumer)
