"""The real producer around a library client that hangs or fails, as the library does when a broker is away."""

import asyncio
import gc
from typing import Any

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import RecordMetadata, TopicPartition
from readmit_runtime import kafka_producer
from readmit_runtime.errors import Transient
from readmit_runtime.kafka_producer import KafkaProducer
from readmit_runtime.messages import OutgoingRecord
from readmit_runtime.producer import DeliveryUnknown, Position, RecordTooLarge
from readmit_runtime.producer_settings import ProducerSettings
from readmit_runtime.settings import KafkaSettings

TOPIC = "readmit.test.v1"


class Parts:
    """The inner parts of the library's client that giving it up reaches for."""

    def __init__(self) -> None:
        self.flights: list[asyncio.Future[RecordMetadata]] = []
        self.sender_task = asyncio.create_task(asyncio.Event().wait())
        self.closed = False

    def fail_all(self, error: Exception) -> None:
        """Fail what is in flight, as the library's accumulator does."""
        for flight in self.flights:
            if not flight.done():
                flight.set_exception(error)

    async def close(self) -> None:
        """Close the sockets."""
        self.closed = True


class LibraryClient:
    """A library client that answers as `answers` says: an error, a hang (None) or an offset."""

    def __init__(self, answers: dict[bytes, Exception | int | None], **options: Any) -> None:
        self.answers = answers
        self.options = options
        self.sent: list[bytes] = []
        self.client = self._sender = self._message_accumulator = Parts()

    async def start(self) -> None:
        """Connect, or fail to."""
        refusal = self.answers.get(b"start")
        if isinstance(refusal, Exception):
            raise refusal

    async def send(self, topic: str, *, value: bytes, key: bytes, headers: object) -> asyncio.Future[RecordMetadata]:
        """Answer with a future, done or not."""
        self.sent.append(value)
        flight: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        answer = self.answers.get(value, 0)
        if isinstance(answer, Exception):
            flight.set_exception(answer)
        elif answer is not None:
            flight.set_result(RecordMetadata(topic, 0, TopicPartition(topic, 0), answer, 0, 0, 0))
        self._message_accumulator.flights.append(flight)
        return flight

    async def flush(self) -> None:
        """Wait for ever when something hangs."""
        await asyncio.wait(self._message_accumulator.flights)

    async def stop(self) -> None:
        """Hang while the sender lives, as the library's does."""
        await asyncio.wait([self._sender.sender_task])


class Factory:
    """Makes one library client after the other, with the answers given for each."""

    def __init__(self, *answers: dict[bytes, Exception | int | None]) -> None:
        self.answers = list(answers)
        self.made: list[LibraryClient] = []

    def __call__(self, **options: Any) -> LibraryClient:
        """Make the next client; the last answers serve all further ones."""
        answers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.made.append(LibraryClient(answers, **options))
        return self.made[-1]


def producer(factory: Any) -> KafkaProducer:
    """Return a producer with a short limit."""
    settings = ProducerSettings(delivery_limit_s=0.05)
    return KafkaProducer(KafkaSettings(bootstrap_servers="nowhere:1"), settings, client_id="test", build=factory)


def record(value: bytes, key: bytes = b"k") -> OutgoingRecord:
    """Return a record of one topic."""
    return OutgoingRecord(TOPIC, key, value)


async def test_every_client_is_idempotent_and_waits_for_all_replicas() -> None:
    """These are promises, so no setting turns them off."""
    factory = Factory({})
    publisher = producer(factory)
    await publisher.publish(record(b"a"))
    await publisher.close()
    options = factory.made[0].options
    assert (options["acks"], options["enable_idempotence"], options["compression_type"]) == ("all", True, "zstd")


async def test_a_delivery_that_hangs_is_unknown_and_the_client_is_given_up() -> None:
    """The library waits for ever; its late delivery would come behind the back of the next client."""
    factory = Factory({b"a": None}, {})
    publisher = producer(factory)
    with pytest.raises(DeliveryUnknown):
        await publisher.publish(record(b"a"))
    first = factory.made[0]
    assert await publisher.publish(record(b"a")) == Position(TOPIC, 0, 0)
    await publisher.close()
    assert len(factory.made) == 2
    assert first._sender.sender_task.cancelled()
    assert first._sender.closed


async def test_when_one_hangs_the_others_in_flight_are_unknown_too_and_nothing_more_is_sent() -> None:
    """Whatever the given-up client still held may have arrived or not."""
    factory = Factory({b"b": None, b"c": None})
    publisher = producer(factory)
    records = [record(b"a", b"1"), record(b"b", b"2"), record(b"c", b"3"), record(b"d", b"2")]
    first, *unknown = await publisher.publish_all(records)
    await publisher.close()
    assert isinstance(first, Position)
    assert [isinstance(outcome, Transient) for outcome in unknown] == [True, True, True]
    assert factory.made[0].sent == [b"a", b"b", b"c"]


async def test_a_sequence_out_of_order_is_healed_by_a_new_client() -> None:
    """After some outages the library's client fails every delivery until it is made anew."""
    factory = Factory({b"a": OutOfOrderSequenceNumber()}, {})
    publisher = producer(factory)
    with pytest.raises(DeliveryUnknown):
        await publisher.publish(record(b"a"))
    assert isinstance(await publisher.publish(record(b"a")), Position)
    await publisher.close()


async def test_a_record_waits_for_the_one_before_it_of_its_key() -> None:
    """If the first is refused, the second must not be stored as if the first had never been."""
    factory = Factory({b"a": MessageSizeTooLargeError()}, {})
    publisher = producer(factory)
    refused, later = await publisher.publish_all([record(b"a"), record(b"b")])
    await publisher.close()
    assert isinstance(refused, RecordTooLarge)
    assert isinstance(later, Transient)
    assert factory.made[0].sent == [b"a"]


async def test_missing_rights_are_raised_not_retried() -> None:
    """No waiting grants a right; the process ends and says which one it lacks."""
    publisher = producer(Factory({b"a": TopicAuthorizationFailedError(TOPIC)}))
    with pytest.raises(TopicAuthorizationFailedError):
        await publisher.publish_all([record(b"a"), record(b"b", b"other")])
    await publisher.close()


async def test_a_broker_that_is_away_is_transient_for_every_record() -> None:
    """The outbox keeps them and asks again."""
    publisher = producer(Factory({b"start": KafkaConnectionError()}))
    outcomes = await publisher.publish_all([record(b"a"), record(b"b")])
    await publisher.close()
    assert [type(outcome) for outcome in outcomes] == [Transient, Transient]


async def test_a_caller_that_was_cancelled_leaves_no_forgotten_failure(caplog: pytest.LogCaptureFixture) -> None:
    """A failure that nobody waits for is no error of the process, and must not be logged as one."""
    publisher = producer(Factory({b"a": None, b"b": None}))
    publishing = asyncio.create_task(publisher.publish_all([record(b"a"), record(b"b", b"2")]))
    await asyncio.sleep(0.01)
    publishing.cancel()
    with pytest.raises(DeliveryUnknown):
        await publisher.publish(record(b"a"))
    await asyncio.gather(publishing, return_exceptions=True)
    await publisher.close()
    del publishing, publisher
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_closing_waits_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop must end while the broker is away."""
    monkeypatch.setattr(kafka_producer, "FLUSH_LIMIT_S", 0.01)
    publisher = producer(Factory({b"a": None}))
    publishing = asyncio.create_task(publisher.publish_all([record(b"a")]))
    await asyncio.sleep(0)
    async with asyncio.timeout(1):
        await publisher.close()
        [outcome] = await publishing
    assert isinstance(outcome, Transient)
