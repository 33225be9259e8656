"""Which messages `readmit topics tail` shows."""

import asyncio

import pytest
from readmit_cli.topic_views.tail import Selection, tail
from readmit_runtime.errors import Transient
from readmit_runtime.messages import OutgoingRecord
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_clock import FakeClock
from readmit_runtime.testing.fake_topic_reader import FakeTopicReader

TOPIC = "test"


@pytest.fixture
def broker() -> FakeBroker:
    """Give a topic of three partitions in which 30 messages stand, one each second, in turns."""
    clock = FakeClock()
    broker = FakeBroker(clock)
    broker.create_topic(TOPIC, partitions=3)
    for number in range(30):
        put(broker, number)
    return broker


def put(broker: FakeBroker, number: int) -> None:
    """Add one message; every fifth is of another type."""
    broker.clock.advance(1)
    kind = b"readmit.BatchCleaned.v1" if number % 5 == 0 else b"readmit.BatchStored.v1"
    record = OutgoingRecord(TOPIC, b"key:%d" % number, b"%d" % number, (("ce_type", kind),))
    broker.append(record, partition=number % 3)


async def shown(broker: FakeBroker, **selection: object) -> list[int]:
    """Give the numbers of the messages shown; a reader that is not stopped fails the test."""
    reader = FakeTopicReader(broker, TOPIC)
    numbers: list[int] = []
    await tail(reader, Selection(**selection), lambda record: numbers.append(int(record.value)))
    assert reader.stopped
    return numbers


async def test_by_default_the_last_ten_are_shown_by_time_over_all_partitions(broker):
    """Partition by partition nobody could follow what happened."""
    assert await shown(broker) == list(range(20, 30))


async def test_the_limit_counts_from_the_end_or_from_the_beginning(broker):
    """As `tail` and `head` do."""
    assert await shown(broker, limit=2) == [28, 29]
    assert await shown(broker, limit=0) == []
    assert await shown(broker, limit=2, from_beginning=True) == [0, 1]
    assert await shown(broker, from_beginning=True) == list(range(30))


async def test_only_messages_of_the_wanted_type_are_shown(broker):
    """With or without prefix and version."""
    assert await shown(broker, type="BatchCleaned") == [0, 5, 10, 15, 20, 25]
    assert await shown(broker, type="readmit.BatchCleaned.v1", limit=1) == [25]
    assert await shown(broker, type="Batch") == []


async def test_only_messages_whose_key_begins_as_wanted_are_shown(broker):
    """A run's or a batch's events are found by its id."""
    assert await shown(broker, key="key:2") == [2, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29][-10:]
    assert await shown(broker, key="key:29") == [29]


async def test_an_empty_topic_ends_at_once():
    """Nothing to show is no error."""
    broker = FakeBroker(FakeClock())
    broker.create_topic(TOPIC)
    assert await shown(broker) == []


async def test_following_goes_on_with_what_comes_until_it_is_ended(broker):
    """Ctrl-C cancels the task; the reader is stopped all the same."""
    reader = FakeTopicReader(broker, TOPIC)
    numbers: list[int] = []
    selection = Selection(follow=True, limit=1)
    following = asyncio.create_task(tail(reader, selection, lambda record: numbers.append(int(record.value))))
    await until(lambda: numbers == [29])
    put(broker, 30)
    put(broker, 31)
    await until(lambda: len(numbers) == 3)
    following.cancel()
    await asyncio.wait([following])
    assert reader.stopped
    assert sorted(numbers) == [29, 30, 31]


async def until(reached) -> None:
    """Let other tasks run until `reached`; fails when it never is."""
    for _ in range(1_000):
        if reached():
            return
        await asyncio.sleep(0)
    pytest.fail("it was never reached")


async def test_following_from_the_beginning_ends_at_the_limit(broker):
    """The first 31 of 30 means to wait for one more."""
    following = asyncio.create_task(shown(broker, follow=True, from_beginning=True, limit=31))
    for number in range(30, 40):
        await asyncio.sleep(0)
        put(broker, number)
    assert await following == list(range(31))


async def test_a_broker_that_is_away_is_said(broker):
    """And not waited for: the operator decides."""
    broker.away = True
    with pytest.raises(Transient):
        await shown(broker)
