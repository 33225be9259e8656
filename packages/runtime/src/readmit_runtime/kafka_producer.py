"""Publish with aiokafka's idempotent producer, which never gives up by itself.

Its batches do not expire: while the broker is away both a delivery and `stop()` wait for ever, and after some
outages every delivery fails with an out-of-order sequence until the client is made anew. So each delivery has a
limit, and a client that overran it or failed is given up: what it still holds is dropped at once, because a late
delivery behind the back of its successor would break the order of a key.
"""

# mypy: untyped-calls-exclude=aiokafka

import asyncio
from collections.abc import Callable, Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.structs import RecordMetadata

from readmit_runtime import trace_context
from readmit_runtime.errors import Transient
from readmit_runtime.kafka_errors import is_transient, transient_errors
from readmit_runtime.kafka_options import client_options
from readmit_runtime.logs import describe
from readmit_runtime.messages import OutgoingRecord
from readmit_runtime.producer import DeliveryUnknown, Outcome, Position, RecordTooLarge, positions
from readmit_runtime.producer_settings import ProducerSettings
from readmit_runtime.settings import KafkaSettings

FLUSH_LIMIT_S = 2.0  # whoever waits for a delivery has ended or was cancelled when the producer is closed
DISCONNECT_LIMIT_S = 2.0  # closing sockets; nothing is flushed

Flight = asyncio.Future[RecordMetadata]

log = structlog.get_logger(__name__)


class KafkaProducer:
    """A Producer that connects at its first record and again after a failure; safe to share among tasks.

    `build` makes the library's client; tests pass their own. Missing rights are raised as the library's error.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        settings: ProducerSettings,
        *,
        client_id: str,
        build: Callable[..., AIOKafkaProducer] = AIOKafkaProducer,
    ) -> None:
        self._kafka = kafka
        self._settings = settings
        self._client_id = client_id
        self._new_client = build
        self._client: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()
        self._discarding: set[asyncio.Task[None]] = set()

    async def publish(self, record: OutgoingRecord) -> Position:
        """Return when all replicas in sync have the record; raises DeliveryUnknown or RecordTooLarge."""
        return positions(await self.publish_all([record]))[0]

    async def publish_all(self, records: Sequence[OutgoingRecord]) -> list[Outcome]:
        """Publish many in order and tell what became of each; a record waits for the one before it of its key."""
        if not records:
            return []
        try:
            client = await self._connected()
        except Transient as error:
            return [error] * len(records)
        return await _Shipment(client, self._settings.delivery_limit_s, self._give_up).send_all(records)

    async def close(self) -> None:
        """Give what is in flight a moment, then disconnect."""
        client, self._client = self._client, None
        if client is not None:
            try:
                async with asyncio.timeout(FLUSH_LIMIT_S):
                    await client.flush()
            except TimeoutError:
                log.warning("producer_closed_in_flight", limit_s=FLUSH_LIMIT_S)
            self._discard(client)
        await asyncio.gather(*self._discarding)

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._client is None:
                client = self._build()
                try:
                    # its tasks live on, and are no part of the work that happens to publish first
                    with trace_context.replacing(None), transient_errors("connecting a producer"):
                        async with asyncio.timeout(self._settings.delivery_limit_s):
                            await client.start()
                except BaseException:
                    self._discard(client)
                    raise
                self._client = client
            return self._client

    def _build(self) -> AIOKafkaProducer:
        settings = self._settings
        return self._new_client(
            **client_options(self._kafka),
            client_id=self._client_id,
            acks="all",
            enable_idempotence=True,
            compression_type="zstd",
            max_batch_size=settings.batch_bytes,
            max_request_size=settings.max_record_bytes,
            linger_ms=int(settings.linger_s * 1000),
            # shorter, so that the library's own error, which names the cause, comes before the limit's
            request_timeout_ms=int(settings.delivery_limit_s * 800),
        )

    def _give_up(self, client: AIOKafkaProducer, reason: BaseException) -> None:
        if self._client is client:
            self._client = None
            log.warning("producer_given_up", reason=describe(reason))
            self._discard(client)

    def _discard(self, client: AIOKafkaProducer) -> None:
        _halt(client)
        task = asyncio.create_task(_disconnect(client), name="disconnect producer")
        self._discarding.add(task)
        task.add_done_callback(self._discarding.discard)


class _Shipment:
    """One call of `publish_all`: hands records over in order, then collects what became of them."""

    def __init__(
        self, client: AIOKafkaProducer, limit_s: float, give_up: Callable[[AIOKafkaProducer, BaseException], None]
    ) -> None:
        self._client = client
        self._limit_s = limit_s
        self._give_up = give_up
        self._lost: Transient | None = None
        self._fault: BaseException | None = None
        self._last_of_key: dict[tuple[str, bytes], int] = {}
        self._flights: list[Flight | Outcome] = []

    async def send_all(self, records: Sequence[OutgoingRecord]) -> list[Outcome]:
        for record in records:
            self._flights.append(await self._send(record))
        outcomes = [await self._land(index) for index in range(len(self._flights))]
        if self._fault is not None:
            raise self._fault
        return outcomes

    async def _send(self, record: OutgoingRecord) -> Flight | Outcome:
        before = self._last_of_key.get((record.topic, record.key))
        self._last_of_key[record.topic, record.key] = len(self._flights)
        if before is not None and not isinstance(await self._land(before), Position):
            return Transient("Not sent: the record before it under its key was not stored.")
        if self._lost is not None:
            return self._lost
        try:
            async with asyncio.timeout(self._limit_s):
                flight: Flight = await self._client.send(
                    record.topic, value=record.value, key=record.key, headers=list(record.headers)
                )
        except (KafkaError, OSError, TimeoutError) as error:
            return self._failed(error, in_flight=False)
        flight.add_done_callback(_seen)
        return flight

    async def _land(self, index: int) -> Outcome:
        flight = self._flights[index]
        if isinstance(flight, asyncio.Future):
            self._flights[index] = flight = await self._outcome(flight)
        return flight

    async def _outcome(self, flight: Flight) -> Outcome:
        landed, _ = await asyncio.wait({flight}, timeout=self._limit_s)
        error = flight.exception() if landed else TimeoutError()
        if error is not None:
            return self._failed(error, in_flight=True)
        stored = flight.result()
        return Position(stored.topic, stored.partition, stored.offset)

    def _failed(self, error: BaseException, *, in_flight: bool) -> Outcome:
        if isinstance(error, MessageSizeTooLargeError) and not in_flight:
            return RecordTooLarge("The record is larger than the producer's max_record_bytes; send less or raise it.")
        # A failed batch leaves a hole in the sequence, after which the broker takes nothing more of this client.
        self._give_up(self._client, error)
        self._lost = DeliveryUnknown(f"Kafka did not confirm a record ({type(error).__name__}); publish it again.")
        if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError):
            return RecordTooLarge("The record is larger than its topic's max.message.bytes; send less or raise it.")
        if not is_transient(error):
            self._fault = self._fault or error
        return self._lost


def _seen(flight: Flight) -> None:
    """Take note of a failure that nobody waits for any more, or asyncio reports it as forgotten."""
    if not flight.cancelled():
        flight.exception()


def _halt(client: AIOKafkaProducer) -> None:
    """Let the client send nothing more and fail what it holds; the library has no public way to do so."""
    client._message_accumulator.fail_all(KafkaError("The producer was given up; the delivery is unknown."))
    sender = client._sender.sender_task
    if sender is not None:
        sender.cancel()


async def _disconnect(client: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(DISCONNECT_LIMIT_S):
            await client.client.close()
            await client.stop()
    except Exception as error:  # noqa: BLE001 - the client is not used again
        log.warning("producer_disconnect_failed", reason=describe(error))
