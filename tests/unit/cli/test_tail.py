"""Which messages `readmit topics tail` shows."""

import asyncio

import pytest
from readmit_cli.topic_views.tail import Selection, tail
from readmit_contracts import ids
from readmit_contracts.topics import ACCESS_KEYS, INGESTION_COMMANDS, INGESTION_EVENTS, PREDICTIONS
from readmit_runtime.errors import Transient
from readmit_runtime.messages import OutgoingRecord, outgoing
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_clock import FakeClock
from readmit_runtime.testing.fake_topic_reader import FakeTopicReader
from readmit_runtime.topic_reader import FromOffset, LastOffsets, Since
from support.message_examples import COMMAND_ID, EXAMPLES, RUN_ID

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
    chosen = Selection(**selection)
    reader = FakeTopicReader(broker, TOPIC, start=chosen.start(PREDICTIONS))
    numbers: list[int] = []
    await tail(reader, chosen, lambda record: numbers.append(int(record.value)))
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


async def test_only_messages_since_a_moment_are_shown(broker):
    """All of them, unless a limit asks for the last."""
    since_ms = broker.records(TOPIC)[-1].timestamp_ms - 14_000
    assert await shown(broker, since_ms=since_ms) == list(range(15, 30))
    assert await shown(broker, since_ms=since_ms, limit=2) == [28, 29]
    assert await shown(broker, since_ms=since_ms + 60_000) == []


async def test_messages_from_a_place_on_are_shown_in_their_partition_alone(broker):
    """A log line names partition and offset."""
    assert await shown(broker, from_offset=FromOffset(1, 7)) == [22, 25, 28]
    assert await shown(broker, from_offset=FromOffset(1, 0), limit=2) == [1, 4]


def test_reading_begins_no_earlier_than_it_must():
    """The last ten of a long topic are at its end, unless they have to be looked for."""
    assert Selection().start(PREDICTIONS) == LastOffsets(10)
    assert Selection(limit=3).start(PREDICTIONS) == LastOffsets(3)
    assert Selection(since_ms=7).start(PREDICTIONS) == Since(7)
    assert Selection(from_offset=FromOffset(1, 2)).start(PREDICTIONS) == FromOffset(1, 2)
    for looked_for in ({"key": "k"}, {"type": "T"}, {"run": "abcd"}, {"from_beginning": True}):
        assert Selection(**looked_for).start(PREDICTIONS) is None
    assert Selection().start(ACCESS_KEYS) is None


async def test_only_messages_of_the_wanted_run_are_shown():
    """Its events and the commands about it, the one that asked for it among them."""
    broker = FakeBroker(FakeClock())
    broker.create_topic(TOPIC)
    for message in EXAMPLES:
        topic = next((t for t in (INGESTION_COMMANDS, INGESTION_EVENTS) if type(message) in t.messages), None)
        if topic is not None:
            record = outgoing(topic, message, source="/test", id=COMMAND_ID)
            broker.append(OutgoingRecord(TOPIC, record.key, record.value, record.headers))
    broker.append(OutgoingRecord(TOPIC, b"", str(RUN_ID).encode()))

    async def types_of(run: str) -> list[str]:
        found = []
        await tail(
            FakeTopicReader(broker, TOPIC),
            Selection(run=run),
            lambda record: found.append(dict(record.headers)["ce_type"].decode().split(".")[1]),
        )
        return found

    assert await types_of(str(RUN_ID)[:8]) == [
        "CancelIngestion",
        "ResumeIngestion",
        "IngestionPlanned",
        "IngestionCompleted",
        "IngestionFailed",
        "IngestionCancelled",
    ]
    assert await types_of(str(ids.run_id(COMMAND_ID))) == ["StartIngestion"]


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
