"""Read a consumer group with aiokafka, by the rules that the consumer loop relies on."""

# mypy: untyped-calls-exclude=aiokafka

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.structs import ConsumerRecord

from readmit_runtime.consumer_client import CommitLost, Polled, RevokeListener
from readmit_runtime.consumer_settings import ConsumerSettings
from readmit_runtime.errors import Transient
from readmit_runtime.kafka_errors import transient_errors
from readmit_runtime.kafka_options import client_options
from readmit_runtime.kafka_polling import poll_records, positions
from readmit_runtime.kafka_unpacking import bound_unpacking
from readmit_runtime.messages import IncomingRecord, Partition
from readmit_runtime.settings import KafkaSettings

STOP_LIMIT_S = 5.0  # leaving the group is a courtesy: without it the broker waits for the session to end
POLL_GRACE_S = 0.1  # so that a poll which just waits out its time is not taken for one held up by a rebalance
REQUEST_LIMIT_MS = 15_000
METADATA_AGE_MS = 30_000  # a topic or partition added later is found within this time

log = structlog.get_logger(__name__)


class KafkaConsumerClient:
    """A ConsumerClient of a real group; its connections are opened by `start`."""

    def __init__(
        self,
        kafka: KafkaSettings,
        settings: ConsumerSettings,
        *,
        topics: Collection[str],
        group_id: str,
        client_id: str,
    ) -> None:
        self._kafka = kafka
        self._settings = settings
        self._topics = sorted(topics)
        self._group_id = group_id
        self._client_id = client_id
        self._consumer: AIOKafkaConsumer | None = None
        self._epoch = 0
        self._polling: asyncio.Task[Polled] | None = None

    @property
    def epoch(self) -> int:
        """Count the times partitions were given back."""
        return self._epoch

    async def start(self, on_revoke: RevokeListener) -> None:
        """Connect, see that the topics exist, and begin to join the group; polls are empty until that is done."""
        consumer = self._build()
        try:
            with transient_errors("connecting a consumer"):
                async with asyncio.timeout(REQUEST_LIMIT_MS / 1000):
                    await consumer.start()
                    self._require_topics(await consumer.topics())
            consumer.subscribe(self._topics, listener=_Listener(self, on_revoke))
        except BaseException:
            await close_consumer(consumer)
            raise
        self._consumer = consumer

    def _require_topics(self, seen: Collection[str]) -> None:
        missing = [topic for topic in self._topics if topic not in seen]
        if missing:
            raise Transient(
                f"Topics that do not exist or may not be read: {', '.join(missing)}; "
                "create them and grant the right to read."
            )

    def _build(self) -> AIOKafkaConsumer:
        settings = self._settings
        bound_unpacking()
        return AIOKafkaConsumer(
            **client_options(self._kafka),
            group_id=self._group_id,
            client_id=self._client_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=settings.partition_fetch_bytes,
            fetch_max_bytes=settings.fetch_bytes,
            request_timeout_ms=REQUEST_LIMIT_MS,
            metadata_max_age_ms=METADATA_AGE_MS,
            session_timeout_ms=_ms(settings.session_timeout_s),
            heartbeat_interval_ms=_ms(settings.heartbeat_s),
            rebalance_timeout_ms=_ms(settings.rebalance_timeout_s),
            max_poll_interval_ms=_ms(settings.poll_interval_limit_s),
        )

    async def poll(self, timeout_s: float, *, max_records: int) -> Polled:
        """Return what is there, else wait; a poll that a rebalance holds up goes on beneath the next one."""
        # Cancelling the library's poll would leave its count of pollers one too high for good, and with it the
        # check that evicts a hung member. So a poll that outlasts its time is kept, not cancelled.
        if self._polling is None:
            self._polling = asyncio.create_task(self._get(timeout_s, max_records))
        done, _ = await asyncio.wait({self._polling}, timeout=timeout_s + POLL_GRACE_S)
        if not done:
            return Polled(self._epoch)
        finished, self._polling = self._polling, None
        return finished.result()

    async def _get(self, timeout_s: float, max_records: int) -> Polled:
        consumer = self._running()
        batches = await poll_records(consumer, timeout_s, max_records=max_records)
        # no await between here and the library's hand-over: the epoch is the one that the records belong to
        return Polled(
            self._epoch,
            {
                _own(partition): [incoming_record(record) for record in records]
                for partition, records in batches.items()
            },
            {_own(partition): offset for partition, offset in positions(consumer).items()},
        )

    def assignment(self) -> Collection[Partition]:
        """Return the partitions held now."""
        if self._consumer is None:
            return frozenset()
        return {_own(partition) for partition in self._consumer.assignment()}

    def behind(self) -> int:
        """Count the records behind those handed out; a partition counts from its first fetch on."""
        if self._consumer is None:
            return 0
        waiting = 0
        for partition, position in positions(self._consumer).items():
            end = self._consumer.highwater(partition)
            waiting += max(0, (end or 0) - position)
        return waiting

    def seek(self, partition: Partition, offset: int) -> None:
        """Let the next poll of a held partition begin at `offset`."""
        self._running().seek(TopicPartition(partition.topic, partition.number), offset)

    def pause(self) -> None:
        """Hand out nothing from the partitions held now."""
        self._running().pause(*self._running().assignment())

    def resume(self) -> None:
        """Hand out records of all partitions held now again."""
        self._running().resume(*self._running().assignment())

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store offsets with the broker; raises CommitLost, or Transient after the commit limit."""
        library = {TopicPartition(partition.topic, partition.number): offset for partition, offset in offsets.items()}
        try:
            with transient_errors("committing"):
                async with asyncio.timeout(self._settings.commit_limit_s):
                    await self._running().commit(library)
        except (CommitFailedError, IllegalStateError) as error:
            raise CommitLost(type(error).__name__) from error

    async def stop(self) -> None:
        """Leave the group and disconnect within a limit."""
        if self._polling is not None:
            self._polling.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._polling
            self._polling = None
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await close_consumer(consumer)

    async def revoked(self, on_revoke: RevokeListener) -> None:
        """Let the owner finish, then end the epoch; called by the group before partitions move."""
        await on_revoke()
        # no await between the owner's consent and this: what is polled but not yet in hand is dropped
        self._epoch += 1

    def _running(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("The consumer is not started; call start() first.")
        return self._consumer


class _Listener(ConsumerRebalanceListener):
    def __init__(self, client: KafkaConsumerClient, on_revoke: RevokeListener) -> None:
        self._client = client
        self._on_revoke = on_revoke

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        await self._client.revoked(self._on_revoke)
        log.info("partitions_revoked", partitions=len(revoked))

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        log.info("partitions_assigned", partitions=len(assigned))


async def close_consumer(consumer: AIOKafkaConsumer) -> None:
    """Leave the group and disconnect within a limit; a failure is logged, for there is nothing left to do."""
    try:
        async with asyncio.timeout(STOP_LIMIT_S):
            await consumer.stop()
    except Exception as error:  # noqa: BLE001 - the connection is given up either way
        log.warning("consumer_stop_failed", error=type(error).__name__)


def incoming_record(record: ConsumerRecord[bytes, bytes]) -> IncomingRecord:
    """Return the library's record as the project's own; a header without a value gets an empty one."""
    return IncomingRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=tuple((name, value or b"") for name, value in record.headers),
        timestamp_ms=record.timestamp,
    )


def _own(partition: TopicPartition) -> Partition:
    return Partition(partition.topic, partition.partition)


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
