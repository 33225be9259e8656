"""Read when a record was written, by its place."""

# mypy: untyped-calls-exclude=aiokafka

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Self

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError

from readmit_runtime.clock import Clock
from readmit_runtime.deadline import Deadline
from readmit_runtime.errors import Transient
from readmit_runtime.group_lag import PartitionLag
from readmit_runtime.kafka_consumer import REQUEST_LIMIT_MS, close_consumer
from readmit_runtime.kafka_errors import transient_errors
from readmit_runtime.kafka_options import client_options
from readmit_runtime.kafka_polling import poll_records, positions
from readmit_runtime.kafka_unpacking import bound_unpacking
from readmit_runtime.logs import describe
from readmit_runtime.messages import Partition
from readmit_runtime.settings import KafkaSettings

FETCH_BYTES = 64 * 1024  # the broker sends at least one whole batch, however large that is
POLL_S = 0.2
READ_LIMIT_S = 5.0  # for one place
READS_LIMIT_S = 15.0  # for all places of one look, half of what that may take
KEPT_S = 60.0  # a place may come to hold another record: by compaction, or when its topic is made anew

Place = tuple[Partition, int]

log = structlog.get_logger(__name__)


class RecordTimes:
    """Reads the time of the oldest record at or behind a place; what it found it keeps for `KEPT_S` seconds.

    So it does with a place that it could not read, whose partition has no leader or may not be read with this login.
    """

    def __init__(self, consumer: AIOKafkaConsumer, clock: Clock) -> None:
        self._consumer = consumer
        self._clock = clock
        self._known: dict[Place, tuple[int | None, float]] = {}

    @classmethod
    @asynccontextmanager
    async def connect(cls, kafka: KafkaSettings, *, client_id: str, clock: Clock) -> AsyncIterator[Self]:
        """Connect for the length of the block, without a group."""
        bound_unpacking()
        consumer = AIOKafkaConsumer(
            **client_options(kafka),
            client_id=client_id,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=FETCH_BYTES,
            request_timeout_ms=REQUEST_LIMIT_MS,
        )
        try:
            with transient_errors("connecting"):
                await consumer.start()
            yield cls(consumer, clock)
        finally:
            await close_consumer(consumer)

    async def read(self, lags: Collection[PartitionLag]) -> Mapping[Place, int | None]:
        """Return the time in milliseconds since 1970 of what waits first, by its place; None where it can't be read.

        A place is left out where no record follows it, only what is none: markers of transactions, or offsets whose
        records compaction removed.
        """
        ends = {(lag.partition, lag.next_offset): lag.end for lag in lags if lag.waiting}
        now = self._clock.monotonic()
        self._known = {
            place: (time_ms, read_at)
            for place, (time_ms, read_at) in self._known.items()
            if place in ends and now - read_at <= KEPT_S
        }
        unknown = [place for place in ends if place not in self._known]
        # assigned together and read one by one, for the broker may answer the first partition of a request only
        self._consumer.assign(sorted({_library(partition) for partition, _ in unknown}))
        for partition, offset in unknown:
            self._consumer.seek(_library(partition), offset)
            self._consumer.pause(_library(partition))
        deadline = Deadline.after(READS_LIMIT_S, self._clock)
        late: dict[Place, int | None] = {}
        for partition, offset in unknown:
            if deadline.expired:
                late[partition, offset] = None
                continue
            try:
                time_ms = await self._time_ms(partition, offset, ends[partition, offset])
            except (Transient, TopicAuthorizationFailedError) as error:
                log.warning("age_unread", topic=partition.topic, partition=partition.number, reason=describe(error))
                self._known[partition, offset] = (None, now)
            else:
                if time_ms is not None:
                    self._known[partition, offset] = (time_ms, now)
        return {place: time_ms for place, (time_ms, _) in self._known.items()} | late

    async def _time_ms(self, partition: Partition, offset: int, end: int) -> int | None:
        deadline = Deadline.after(READ_LIMIT_S, self._clock)
        place = _library(partition)
        self._consumer.seek(place, offset)
        self._consumer.resume(place)
        try:
            while positions(self._consumer).get(place, offset) < end:
                if deadline.expired:
                    raise Transient(f"Kafka: {partition} was not read at {offset} within {READ_LIMIT_S:g} s.")
                batches = await poll_records(self._consumer, POLL_S, max_records=1)
                for record in batches.get(place, ()):
                    # one that could not be unpacked has no time; the next one's is near enough
                    if record.timestamp >= 0:
                        return record.timestamp
            return None
        finally:
            self._consumer.pause(place)


def _library(partition: Partition) -> TopicPartition:
    return TopicPartition(partition.topic, partition.number)
