import asyncio
import os
from pathlib import Path

import msgspec
import pytest
from predictor.spool.segment_records import SegmentRecords
from predictor.spool.segment_writer import SEGMENT_BYTES
from readmit_runtime.errors import Rejected
from readmit_runtime.messages import OutgoingRecord
from readmit_runtime.producer import DeliveryUnknown, Position
from readmit_runtime.testing.fake_producer import FakeProducer
from support.prediction_records import prediction_record
from support.prediction_shipping import Shipping, nothing
from support.predictor_rig import eventually


async def test_every_record_arrives_once_and_in_order(tmp_path: Path) -> None:
    """The log is what was answered, not a sample of it."""
    shipping = Shipping(tmp_path)

    async def answer() -> None:
        for number in range(750):
            shipping.add(number)
            if number % 50 == 0:
                await asyncio.sleep(0.01)

    await shipping.run(answer)
    assert shipping.ids() == list(range(750))
    assert shipping.counted("shipped_records") == 750


def test_a_record_is_handed_to_the_operating_system_before_its_answer_may_go_out(tmp_path: Path) -> None:
    """From then on no death of the process can take it away."""
    shipping = Shipping(tmp_path)
    for number in range(3):
        assert shipping.add(number) == [True]
        (file,) = shipping.files()
        assert list(SegmentRecords(file.read_bytes())) == [
            msgspec.json.encode(prediction_record(written)) for written in range(number + 1)
        ]


def test_the_records_of_one_answer_are_written_at_once(tmp_path: Path) -> None:
    """An answer to many encounters costs one call of the operating system."""
    calls: list[int] = []

    def count(file: int, data: bytes) -> int:
        calls.append(len(data))
        return os.write(file, data)

    shipping = Shipping(tmp_path, write=count)
    assert shipping.log.add(*(prediction_record(number) for number in range(100)))
    assert len(calls) == 1


async def test_a_segment_is_deleted_once_kafka_has_all_of_it(tmp_path: Path) -> None:
    """A spool that only grows ends as a full disk; a file that goes too early ends as a gap."""
    shipping = Shipping(tmp_path)
    refused: list[int] = []

    def refuse_the_second(_record: OutgoingRecord) -> DeliveryUnknown | None:
        refused.append(len(shipping.files()))
        return DeliveryUnknown("no confirmation") if len(refused) in (2, 3) else None

    shipping.producer.refuse = refuse_the_second

    async def until_shipped() -> None:
        shipping.add(*range(450))
        await eventually(lambda: shipping.counted("shipped_records") == 450)
        await eventually(lambda: shipping.files() == [])

    await shipping.run(until_shipped)
    assert refused == [1] * 5  # three chunks, the second of which took three attempts
    assert shipping.ids() == list(range(450))
    assert shipping.folders() == []


async def test_an_unconfirmed_chunk_is_published_again_unchanged(tmp_path: Path) -> None:
    """What may have arrived must be recognised when it arrives again: the same name, the same id, the same bytes."""
    shipping = Shipping(tmp_path)
    shipping.producer.store_unknown = True
    left = [DeliveryUnknown("no confirmation"), DeliveryUnknown("no confirmation")]
    shipping.producer.refuse = lambda _record: left.pop() if left else None
    shipping.add(1, 2, 3)

    async def until_shipped() -> None:
        await eventually(lambda: shipping.counted("shipped_records") == 3)

    await shipping.run(until_shipped)
    published = shipping.producer.published
    assert len(published) == 3
    assert published[0] == published[1] == published[2]


async def test_an_outage_keeps_records_until_kafka_is_back(tmp_path: Path) -> None:
    """An answer neither waits for Kafka nor is forgotten because of it."""
    shipping = Shipping(tmp_path)

    async def outage() -> None:
        shipping.broker.away = True
        shipping.add(*range(20))
        await eventually(lambda: shipping.counted("failed_deliveries", kind="predictions") >= 3)
        shipping.add(*range(20, 30))
        shipping.broker.away = False
        await eventually(lambda: shipping.counted("shipped_records") == 30)

    await shipping.run(outage)
    assert shipping.ids() == list(range(30))


async def test_an_outage_makes_few_large_segments(tmp_path: Path) -> None:
    """A file a second for a night would be a burden of its own."""
    shipping = Shipping(tmp_path)
    shipping.broker.away = True

    async def outage() -> None:
        shipping.add(0)
        await eventually(lambda: shipping.counted("failed_deliveries", kind="predictions") >= 1)
        for number in range(1, 4_001):
            shipping.add(number)
            if number % 500 == 0:
                await asyncio.sleep(0.02)
        sizes = [file.stat().st_size for file in shipping.files()]
        assert len(sizes) == 3
        assert SEGMENT_BYTES <= sizes[1] < SEGMENT_BYTES + 1_000
        shipping.broker.away = False
        await eventually(lambda: shipping.counted("shipped_records") == 4_001)

    await shipping.run(outage)
    assert shipping.ids() == list(range(4_001))


async def test_what_is_left_at_the_end_is_shipped(tmp_path: Path) -> None:
    """A replica that is replaced should leave nothing behind, if Kafka lets it."""
    shipping = Shipping(tmp_path)
    shipping.add(*range(25))
    await shipping.run(nothing)
    assert shipping.ids() == list(range(25))
    assert shipping.folders() == []


class Silent(FakeProducer):
    """A broker that accepts a connection and says nothing: the slower kind of away."""

    silences = 0

    async def publish(self, record: OutgoingRecord) -> Position:
        """Wait for ever."""
        self.silences += 1
        await asyncio.sleep(3600)
        raise AssertionError(record.topic)


@pytest.mark.parametrize("producer", [FakeProducer, Silent])
async def test_what_cannot_be_shipped_at_the_end_waits_for_the_next_process(
    tmp_path: Path, producer: type[FakeProducer]
) -> None:
    """While Kafka is away a process must still end in time, and nothing is lost by it."""
    first = Shipping(tmp_path, producer=producer, flush_limit_s=0.05)
    first.broker.away = True
    first.add(*range(12))
    async with asyncio.timeout(5):
        await first.run(nothing)
    assert first.counted("shipped_records") == 0
    second = Shipping(tmp_path, replica="predictor-2")
    await second.run(lambda: eventually(lambda: second.ids() == list(range(12))))
    assert {chunk.replica for chunk in second.chunks()} == {"predictor-1"}


async def test_a_segment_in_hand_at_the_end_does_not_delay_it(tmp_path: Path) -> None:
    """A rollout must not wait for a Kafka that says nothing, whenever its silence began."""
    shipping = Shipping(tmp_path, producer=Silent, flush_limit_s=0.05)
    shipping.add(*range(12))
    async with asyncio.timeout(5):
        await shipping.run(lambda: eventually(lambda: shipping.producer.silences == 1))
    assert shipping.folders() != []


async def test_a_chunk_that_kafka_never_takes_is_given_up_and_the_next_one_shipped(tmp_path: Path) -> None:
    """One bad record must not stop the log for good."""
    shipping = Shipping(tmp_path)
    shipping.producer.refuse = lambda record: (
        Rejected("TOO_LARGE", "larger than the topic takes") if b"000000000001" in (record.value or b"") else None
    )
    shipping.add(*range(201))
    await shipping.run(lambda: eventually(lambda: shipping.counted("shipped_records") == 1))
    assert shipping.ids() == [200]
    assert shipping.counted("unlogged_records", reason="undeliverable") == 200


async def test_an_error_that_ends_other_services_only_delays_the_log(tmp_path: Path) -> None:
    """Lost rights on one topic must not take the model out of service."""

    class Forbidden(FakeProducer):
        refusals = 2

        async def publish(self, record: OutgoingRecord) -> Position:
            self.refusals -= 1
            if self.refusals >= 0:
                raise PermissionError("not authorised to write to the topic")
            return await super().publish(record)

    shipping = Shipping(tmp_path, producer=Forbidden)
    shipping.add(1)
    await shipping.run(lambda: eventually(lambda: shipping.counted("shipped_records") == 1))
    assert shipping.counted("failed_deliveries", kind="predictions") == 2
