import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

from predictor.metrics import PredictorMetrics
from predictor.prediction_log import CHUNKS_PER_SEGMENT, PredictionLog
from predictor.settings import PredictionLogSettings
from prometheus_client import CollectorRegistry
from readmit_contracts.events import PredictionRecord, PredictionsMade
from readmit_contracts.topics import PREDICTIONS
from readmit_runtime.backoff import Backoff
from readmit_runtime.errors import Rejected
from readmit_runtime.messages import OutgoingRecord, incoming
from readmit_runtime.producer import DeliveryUnknown, Position
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_producer import FakeProducer
from support.predictor_rig import eventually


def _record(number: int) -> PredictionRecord:
    return PredictionRecord(
        prediction_id=UUID(int=number),
        at=datetime(2026, 1, 1, tzinfo=UTC),
        model="readmission",
        model_id="a1" * 32,
        epoch=1,
        probability=0.5,
        decision="high_risk",
        threshold=0.25,
        input_sha256="c3" * 32,
    )


class Shipping:
    """A log, a broker, and what can be seen of both."""

    def __init__(
        self,
        *,
        buffer: int = 100,
        chunk: int = 10,
        flush_limit_s: float = 0.1,
        producer: type[FakeProducer] = FakeProducer,
        chunks_per_segment: int = CHUNKS_PER_SEGMENT,
    ) -> None:
        self.broker = FakeBroker()
        self.broker.create_topic(PREDICTIONS.name)
        self.producer = producer(self.broker)
        self.registry = CollectorRegistry()
        self.log = PredictionLog(
            replica="predictor-1",
            producer=self.producer,
            settings=PredictionLogSettings(
                buffer_records=buffer, chunk_records=chunk, flush_interval_s=0.01, flush_limit_s=flush_limit_s
            ),
            metrics=PredictorMetrics(self.registry),
            backoff=Backoff(first_s=0.002, most_s=0.005),
            chunks_per_segment=chunks_per_segment,
        )

    def add(self, *numbers: int) -> None:
        """Give records of these numbers to the log."""
        for number in numbers:
            self.log.add(_record(number))

    def chunks(self) -> list[PredictionsMade]:
        """Give the chunks that arrived, in order."""
        messages = [incoming(record)[1] for record in self.broker.records(PREDICTIONS.name)]
        return [message for message in messages if isinstance(message, PredictionsMade)]

    def ids(self) -> list[int]:
        """Give the numbers of the records that arrived, in order."""
        return [record.prediction_id.int for chunk in self.chunks() for record in chunk.records]

    def counted(self, what: str) -> float:
        """Give the counter of `shipped` or `dropped` records."""
        return self.registry.get_sample_value(f"readmit_predictor_{what}_records_total") or 0.0

    async def run(self, during: Callable[[], Awaitable[None]]) -> None:
        """Run the log while something happens, then end it."""
        ended = asyncio.Event()
        running = asyncio.create_task(self.log.run(ended))
        try:
            await during()
        finally:
            ended.set()
            async with asyncio.timeout(10):
                await running


async def _nothing() -> None:
    await asyncio.sleep(0)


async def test_every_record_arrives_once_and_in_order() -> None:
    """The log is what was answered, not a sample of it."""
    shipping = Shipping()

    async def answer() -> None:
        for number in range(75):
            shipping.add(number)
            if number % 10 == 0:
                await asyncio.sleep(0)

    await shipping.run(answer)
    assert shipping.ids() == list(range(75))
    assert shipping.counted("shipped") == 75
    assert shipping.counted("dropped") == 0


async def test_chunks_are_bounded_and_numbered_without_a_gap() -> None:
    """The reader keeps one ledger entry for each chunk and knows a repetition by its name."""
    shipping = Shipping(chunk=10)
    shipping.add(*range(35))
    await shipping.run(_nothing)
    chunks = shipping.chunks()
    assert [chunk.chunk for chunk in chunks] == list(range(len(chunks)))
    assert max(len(chunk.records) for chunk in chunks) == 10
    assert len({chunk.segment for chunk in chunks}) == 1


async def test_an_unconfirmed_chunk_is_published_again_unchanged() -> None:
    """What may have arrived must be recognised when it arrives again: the same name, the same id, the same bytes."""
    shipping = Shipping()
    shipping.producer.store_unknown = True
    left = [DeliveryUnknown("no confirmation"), DeliveryUnknown("no confirmation")]
    shipping.producer.refuse = lambda _record: left.pop() if left else None
    shipping.add(1, 2, 3)

    async def until_shipped() -> None:
        await eventually(lambda: shipping.counted("shipped") == 3)

    await shipping.run(until_shipped)
    published = shipping.producer.published
    assert len(published) == 3
    assert published[0] == published[1] == published[2]


async def test_an_outage_keeps_records_until_kafka_is_back() -> None:
    """An answer neither waits for Kafka nor is forgotten because of it."""
    shipping = Shipping()

    async def outage() -> None:
        shipping.broker.away = True
        shipping.add(*range(20))
        await eventually(lambda: _failed_deliveries(shipping) >= 3)
        shipping.add(*range(20, 30))
        shipping.broker.away = False
        await eventually(lambda: shipping.counted("shipped") == 30)

    await shipping.run(outage)
    assert shipping.ids() == list(range(30))


def _failed_deliveries(shipping: Shipping) -> float:
    name = "readmit_predictor_failed_deliveries_total"
    return shipping.registry.get_sample_value(name, {"kind": "predictions"}) or 0.0


async def test_a_full_buffer_drops_the_newest_and_counts_them() -> None:
    """Memory is bounded, and what the log lacks is known."""
    shipping = Shipping(buffer=25, chunk=10)
    shipping.broker.away = True

    async def overflow() -> None:
        shipping.add(*range(15))
        await eventually(lambda: _failed_deliveries(shipping) >= 1)
        shipping.add(*range(15, 40))
        shipping.broker.away = False
        await eventually(lambda: shipping.counted("shipped") == 25)
        shipping.add(99)

    await shipping.run(overflow)
    assert shipping.ids() == [*range(25), 99]
    assert shipping.counted("dropped") == 15


async def test_what_is_left_at_the_end_is_flushed() -> None:
    """A replica that is replaced must not take its last second with it."""
    shipping = Shipping()
    ended = asyncio.Event()
    ended.set()
    shipping.add(*range(25))
    await shipping.log.run(ended)
    assert shipping.ids() == list(range(25))


async def test_flushing_ends_at_its_limit_and_counts_what_is_lost() -> None:
    """While Kafka is away a process must still end, and say what it could not ship."""
    shipping = Shipping(flush_limit_s=0.05)
    shipping.broker.away = True
    shipping.add(*range(12))
    async with asyncio.timeout(5):
        await shipping.run(_nothing)
    assert shipping.counted("dropped") == 12


async def test_flushing_ends_at_its_limit_when_kafka_does_not_even_refuse() -> None:
    """A broker that accepts a connection and is silent is the slower kind of away."""

    class Silent(FakeProducer):
        async def publish(self, record: OutgoingRecord) -> Position:
            await asyncio.sleep(3600)
            raise AssertionError(record.topic)

    shipping = Shipping(flush_limit_s=0.05, producer=Silent)
    ended = asyncio.Event()
    ended.set()
    shipping.add(1)
    async with asyncio.timeout(5):
        await shipping.log.run(ended)
    assert shipping.counted("dropped") == 1


async def test_a_chunk_that_kafka_never_takes_is_dropped_and_the_next_one_shipped() -> None:
    """One bad record must not stop the log for good."""
    shipping = Shipping(chunk=1)
    shipping.producer.refuse = lambda record: (
        Rejected("TOO_LARGE", "larger than the topic takes") if b"000000000001" in (record.value or b"") else None
    )
    shipping.add(1, 2)

    async def until_shipped() -> None:
        await eventually(lambda: shipping.counted("shipped") == 1)

    await shipping.run(until_shipped)
    assert shipping.ids() == [2]
    assert shipping.counted("dropped") == 1


async def test_an_error_that_ends_other_services_only_delays_the_log() -> None:
    """Lost rights on one topic must not take the model out of service."""

    class Forbidden(FakeProducer):
        refusals = 2

        async def publish(self, record: OutgoingRecord) -> Position:
            self.refusals -= 1
            if self.refusals >= 0:
                raise PermissionError("not authorised to write to the topic")
            return await super().publish(record)

    shipping = Shipping(producer=Forbidden)
    shipping.add(1)

    async def until_shipped() -> None:
        await eventually(lambda: shipping.counted("shipped") == 1)

    await shipping.run(until_shipped)
    assert _failed_deliveries(shipping) == 2


async def test_a_new_segment_begins_when_chunk_numbers_run_out() -> None:
    """The contract bounds the number, a process may live for months."""
    shipping = Shipping(chunk=1, chunks_per_segment=2)
    shipping.add(1, 2, 3, 4, 5)
    await shipping.run(_nothing)
    chunks = shipping.chunks()
    assert [chunk.chunk for chunk in chunks] == [0, 1, 0, 1, 0]
    assert len({chunk.segment for chunk in chunks}) == 3
