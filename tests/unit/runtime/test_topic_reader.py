"""Following a topic: every record once per process, in order, across outages."""

import asyncio
from collections.abc import Callable

import pytest
from readmit_runtime.errors import Transient
from readmit_runtime.messages import IncomingRecord, OutgoingRecord
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_clock import FakeClock
from readmit_runtime.testing.fake_topic_reader import FakeTopicReader
from readmit_runtime.topic_reader import follow, read_to_end

TOPIC = "readmit.test.v1"


@pytest.fixture
def broker() -> FakeBroker:
    """Return a broker with one empty topic."""
    broker = FakeBroker(FakeClock())
    broker.create_topic(TOPIC)
    return broker


async def eventually(holds: Callable[[], bool]) -> None:
    """Let the loop turn until something holds."""
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0)


async def test_following_goes_on_through_an_outage_and_ends_when_asked(broker: FakeBroker) -> None:
    """A predictor lives on while Kafka is away, and hears of the next promotion when it is back."""
    seen: list[bytes | None] = []

    async def apply(record: IncomingRecord) -> None:
        seen.append(record.value)

    reader, stop = FakeTopicReader(broker, TOPIC), asyncio.Event()
    broker.away = True
    following = asyncio.create_task(follow(reader, apply, stop, clock=broker.clock))
    for _ in range(50):
        await asyncio.sleep(0)
    broker.append(OutgoingRecord(TOPIC, b"k", b"a"))
    broker.away = False
    await eventually(lambda: seen == [b"a"])
    broker.away = True
    for _ in range(50):
        await asyncio.sleep(0)
    broker.away = False
    broker.append(OutgoingRecord(TOPIC, b"k", b"b"))
    await eventually(lambda: seen == [b"a", b"b"])
    stop.set()
    await following
    assert reader.stopped


async def test_an_error_of_the_reader_s_owner_ends_the_loop(broker: FakeBroker) -> None:
    """A record that cannot be applied is the owner's to settle; there is no one to give it back to."""

    async def apply(record: IncomingRecord) -> None:
        raise KeyError("a fault")

    broker.append(OutgoingRecord(TOPIC, b"k", b"a"))
    reader = FakeTopicReader(broker, TOPIC)
    with pytest.raises(KeyError):
        await follow(reader, apply, asyncio.Event(), clock=broker.clock)
    assert reader.stopped


async def test_an_end_that_is_not_reached_in_time_is_transient(broker: FakeBroker) -> None:
    """Whoever waits for the whole topic must be able to do something else meanwhile."""

    class Slow(FakeTopicReader):
        caught_up = False

    with pytest.raises(Transient, match="within 2 s"):
        await read_to_end(Slow(broker, TOPIC), limit_s=2, clock=broker.clock)
