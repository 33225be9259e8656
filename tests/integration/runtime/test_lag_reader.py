"""How far groups are behind on a real broker, in messages and in seconds, where it is easy and where it is not."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError
from readmit_runtime import record_times
from readmit_runtime.group_lag import PartitionOffsets, oldest_age_s
from readmit_runtime.lag_reader import LagReader
from readmit_runtime.messages import Partition
from support.lag_rig import LagRig

SLACK_S = 20.0


@pytest.fixture
async def rig(kafka_bootstrap: str) -> AsyncIterator[LagRig]:
    """Give a topic of the test's own, not made yet."""
    async with LagRig.open(kafka_bootstrap) as rig:
        yield rig


@pytest.fixture
def name() -> str:
    """Give a group of the test's own."""
    return f"group.{uuid4().hex}"


def about(seconds: float) -> object:
    """Match an age that is at least this, and no more than a slow machine makes of it."""
    return pytest.approx(seconds + SLACK_S / 2, abs=SLACK_S / 2)


async def test_a_group_that_stands_behind_is_told_in_messages_and_seconds(rig, name):
    """Messages say how much work waits; only seconds say how late it is."""
    await rig.create(partitions=2)
    await rig.write(3_600, 1_800, 60)
    await rig.write(7_200, partition=1)
    await rig.commit(name, {0: 1, 1: 1})
    group = await rig.group(name)
    assert (group.state, group.members) == ("Empty", 0)
    behind, caught_up = group.partitions
    assert (behind.committed, behind.end, behind.waiting, behind.age_s) == (1, 3, 2, about(1_800))
    assert (caught_up.committed, caught_up.waiting, caught_up.age_s) == (1, 0, 0.0)


async def test_an_age_grows_until_the_group_moves(rig, name):
    """What is known of a place is kept between two looks; a new place has an age of its own."""
    await rig.create()
    await rig.write(500, 400, 300)
    await rig.commit(name, {0: 0})
    async with LagReader.connect(rig.kafka, [rig.topic], client_id="test") as reader:
        ages = [(await reader.read()).groups[0].partitions[0].age_s for _ in range(2)]
        assert ages == [about(500), about(500)]
        assert ages[1] > ages[0]
        await rig.commit(name, {0: 2})
        assert (await reader.read()).groups[0].partitions[0].age_s == about(300)


async def test_a_partition_without_a_commit_waits_as_a_whole(rig, name):
    """The groups here begin at the oldest record, so all of it is still to be read."""
    await rig.create(partitions=3)
    await rig.write(100, 90, partition=0)
    await rig.write(80, 70, partition=1)
    await rig.commit(name, {0: 2})
    read, never, empty = (await rig.group(name)).partitions
    assert (read.committed, read.waiting) == (2, 0)
    assert (never.committed, never.waiting, never.age_s) == (None, 2, about(80))
    assert (empty.committed, empty.waiting, empty.age_s) == (None, 0, 0.0)


async def test_a_group_whose_members_hold_a_topic_is_seen_before_its_first_commit(rig, name):
    """A consumer that never gets its first batch done is the one to be alarmed of."""
    await rig.create()
    await rig.write(50)
    async with rig.member(name):
        group = await rig.group(name)
    assert (group.state, group.members) == ("Stable", 1)
    assert [(lag.committed, lag.waiting, lag.age_s) for lag in group.partitions] == [(None, 1, about(50))]


async def test_a_commit_behind_the_end_is_no_lag(rig, name):
    """It is left over from a topic that was made anew; a negative lag would cancel out a real one in a sum."""
    await rig.create()
    await rig.write(50)
    await rig.commit(name, {0: 10})
    (lag,) = (await rig.group(name)).partitions
    assert (lag.committed, lag.end, lag.waiting, lag.age_s) == (10, 1, 0, 0.0)


async def test_what_retention_removed_before_it_was_read_no_longer_waits(rig, name):
    """Nobody can read it any more; the count goes on at the oldest record that is kept."""
    await rig.create()
    await rig.write(500, 400, 300)
    await rig.commit(name, {0: 0})
    await rig.cut(2)
    report = await rig.report()
    assert report.offsets == (PartitionOffsets(Partition(rig.topic, 0), 2, 3),)
    ((lag,),) = [group.partitions for group in report.groups]
    assert (lag.committed, lag.waiting, lag.age_s) == (0, 1, about(300))


async def test_the_marker_that_ends_a_transaction_counts_as_a_message_and_has_no_age(rig, name):
    """The broker gives it an offset; nobody is late because of it."""
    await rig.create()
    await rig.transaction(age_s=200)
    await rig.commit(name, {0: 0})
    (lag,) = (await rig.group(name)).partitions
    assert (lag.end, lag.waiting, lag.age_s) == (2, 2, about(200))
    await rig.commit(name, {0: 1})
    (lag,) = (await rig.group(name)).partitions
    assert (lag.waiting, lag.age_s) == (1, 0.0)
    await rig.write(100)
    (lag,) = (await rig.group(name)).partitions
    assert (lag.waiting, lag.age_s) == (2, about(100))


async def test_what_compaction_removed_counts_as_a_message_and_has_no_age(rig, name):
    """Offsets of a compacted topic have holes; the age is that of the next record behind them."""
    await rig.create(cleanup_policy="compact", segment_ms="1000", min_cleanable_dirty_ratio="0.01")
    for age_s in (900, 800, 700):
        await rig.write(age_s)
    await rig.write(600, key=b"other")
    await rig.commit(name, {0: 0})
    await rig.compacted(upto=2)
    (lag,) = (await rig.group(name)).partitions
    assert (lag.waiting, lag.age_s) == (lag.end, about(700))


async def test_a_topic_that_does_not_exist_is_left_out(rig, name):
    """One that was deleted must not take the figures of all others with it."""
    await rig.create()
    await rig.write(50)
    await rig.commit(name, {0: 0})
    async with LagReader.connect(rig.kafka, [rig.topic], client_id="test") as reader:
        assert len((await reader.read()).groups) == 1
        await rig.delete()
        report = await reader.read()
    assert (report.offsets, report.groups) == ((), ())


@pytest.mark.parametrize("refusal", [None, TopicAuthorizationFailedError], ids=["silent", "refused"])
async def test_a_partition_that_cannot_be_read_costs_its_own_age_alone(rig, name, monkeypatch, refusal):
    """The lag of all groups must not hang on one partition without a leader, or one login without a right."""
    asked: list[TopicPartition] = []

    class Impeded(AIOKafkaConsumer):
        """One that gets nothing from partition 1."""

        async def getmany(self, *partitions, **limits):
            """Read, but for that one."""
            place = TopicPartition(rig.topic, 1)
            if place not in self.assignment() - self.paused():
                return await super().getmany(*partitions, **limits)
            asked.append(place)
            if refusal is not None:
                raise refusal(rig.topic)
            return {}

    monkeypatch.setattr(record_times, "AIOKafkaConsumer", Impeded)
    monkeypatch.setattr(record_times, "READ_LIMIT_S", 0.2)
    await rig.create(partitions=3)
    for partition in range(3):
        await rig.write(500, partition=partition)
    await rig.commit(name, dict.fromkeys(range(3), 0))
    async with LagReader.connect(rig.kafka, [rig.topic], client_id="test") as reader:
        (group,) = (await reader.read()).groups
        tried = len(asked)
        (again,) = (await reader.read()).groups
    assert [(lag.waiting, lag.age_s) for lag in group.partitions] == [(1, about(500)), (1, None), (1, about(500))]
    assert oldest_age_s(group.partitions) is None
    assert [lag.age_s for lag in again.partitions] == [about(500), None, about(500)]
    assert tried == len(asked) > 0
