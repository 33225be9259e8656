"""State what the consumer loop may rely on, once, for every ConsumerClient."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from readmit_runtime.consumer_client import CommitLost, ConsumerClient
from readmit_runtime.errors import Transient
from readmit_runtime.messages import IncomingRecord, Partition
from support.kafka_cluster import Cluster

LIMIT_S = 30.0


async def nobody_waits() -> None:
    """Listen to a revocation without delaying it."""


async def read(client: ConsumerClient, count: int, *, max_records: int = 500) -> list[IncomingRecord]:
    """Poll until so many records came."""
    found: list[IncomingRecord] = []
    async with asyncio.timeout(LIMIT_S):
        while len(found) < count:
            polled = await client.poll(0.1, max_records=max_records)
            found.extend(record for records in polled.records.values() for record in records)
    return found


async def poll_until(done: Callable[[], bool], *clients: ConsumerClient) -> None:
    """Keep members polling, as the group demands, until something holds."""
    async with asyncio.timeout(LIMIT_S):
        while not done():
            for client in clients:
                await client.poll(0.05, max_records=500)


class ConsumerContract:
    """The suite; a subclass gives the fixture `cluster`."""

    @pytest.fixture
    async def member(self, cluster: Cluster) -> AsyncIterator[Callable[..., Awaitable[ConsumerClient]]]:
        """Return a function that starts members of this test's own group; all are stopped at the end."""
        group_id = f"group.{uuid4().hex}"
        started: list[ConsumerClient] = []

        async def start(topic: str, on_revoke: Callable[[], Awaitable[None]] = nobody_waits) -> ConsumerClient:
            client = cluster.consumer(topic, group_id=group_id)
            await client.start(on_revoke)
            started.append(client)
            return client

        yield start
        for client in started:
            await client.stop()

    async def test_a_new_group_begins_at_the_first_record(self, cluster: Cluster, member: Any) -> None:
        """Starting late must not skip what was published before."""
        topic = await cluster.create_topic()
        await cluster.fill(topic, [b"a", b"b"])
        records = await read(await member(topic), 2)
        assert [(record.offset, record.key, record.value) for record in records] == [
            (0, b"key", b"a"),
            (1, b"key", b"b"),
        ]
        assert records[1].headers == (("name", b"b"),)
        assert records[1].timestamp_ms > 0

    async def test_uncommitted_records_come_again_to_the_next_member(self, cluster: Cluster, member: Any) -> None:
        """A crash before the commit costs a redelivery, never a record."""
        topic = await cluster.create_topic()
        await cluster.fill(topic, [b"a", b"b"])
        first = await member(topic)
        await read(first, 2)
        await first.stop()
        assert [record.value for record in await read(await member(topic), 2)] == [b"a", b"b"]

    async def test_the_next_member_begins_at_the_committed_offset(self, cluster: Cluster, member: Any) -> None:
        """What is committed is the next offset to read, not the last one read."""
        topic = await cluster.create_topic()
        await cluster.fill(topic, [b"a", b"b", b"c"])
        first = await member(topic)
        await read(first, 3)
        await first.commit({Partition(topic, 0): 2})
        await first.stop()
        assert [record.value for record in await read(await member(topic), 1)] == [b"c"]

    async def test_a_poll_returns_no_more_than_asked_for(self, cluster: Cluster, member: Any) -> None:
        """The size of a transaction is the loop's decision."""
        topic = await cluster.create_topic(partitions=2)
        for partition in (0, 1):
            await cluster.fill(topic, [b"a", b"b", b"c"], partition=partition)
        client = await member(topic)
        sizes: list[int] = []
        while sum(sizes) < 6:
            polled = await client.poll(0.1, max_records=2)
            sizes.append(sum(len(records) for records in polled.records.values()))
        assert max(sizes) == 2

    async def test_a_sought_partition_is_read_from_there(self, cluster: Cluster, member: Any) -> None:
        """Rewinding is how the same records come again after a failure."""
        topic = await cluster.create_topic()
        await cluster.fill(topic, [b"a", b"b", b"c"])
        client = await member(topic)
        await read(client, 3)
        client.seek(Partition(topic, 0), 1)
        assert client.behind() == 2
        assert [record.value for record in await read(client, 2)] == [b"b", b"c"]

    async def test_a_paused_member_gets_nothing_until_it_resumes(self, cluster: Cluster, member: Any) -> None:
        """Backing off polls, and must not be handed what it cannot do."""
        topic = await cluster.create_topic()
        await cluster.fill(topic, [b"a"])
        client = await member(topic)
        await read(client, 1)
        client.pause()
        await cluster.fill(topic, [b"b"])
        for _ in range(5):
            assert not (await client.poll(0.1, max_records=10)).records
        client.resume()
        assert [record.value for record in await read(client, 1)] == [b"b"]

    async def test_what_stands_behind_the_last_poll_is_known(self, cluster: Cluster, member: Any) -> None:
        """Gathering waits for more only where more is known to be."""
        topic = await cluster.create_topic()
        await cluster.fill(topic, [b"a", b"b", b"c"])
        client = await member(topic)
        await read(client, 1, max_records=1)
        assert client.behind() == 2
        await read(client, 2)
        assert client.behind() == 0

    async def test_a_second_member_takes_half_and_the_epoch_rises(self, cluster: Cluster, member: Any) -> None:
        """What was polled before a rebalance is told from what is polled after it."""
        topic = await cluster.create_topic(partitions=2)
        first = await member(topic)
        await poll_until(lambda: len(first.assignment()) == 2, first)
        before = first.epoch
        second = await member(topic)
        await poll_until(lambda: len(first.assignment()) == len(second.assignment()) == 1, first, second)
        assert first.epoch > before
        assert set(first.assignment()) | set(second.assignment()) == {Partition(topic, 0), Partition(topic, 1)}

    async def test_a_rebalance_waits_for_the_listener(self, cluster: Cluster, member: Any) -> None:
        """The group in hand is finished and committed before its partitions move."""
        topic = await cluster.create_topic(partitions=2)
        await cluster.fill(topic, [b"a"])
        ready, asked = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            if first.assignment():
                asked.set()
                await ready.wait()

        first = await member(topic, hold)
        await read(first, 1)
        second = await member(topic)
        await poll_until(asked.is_set, second)
        for _ in range(5):
            await second.poll(0.05, max_records=10)
        assert not second.assignment()
        await first.commit({Partition(topic, 0): 1})
        ready.set()
        await poll_until(lambda: len(second.assignment()) == 1, first, second)

    async def test_polls_return_in_time_while_the_group_rebalances(self, cluster: Cluster, member: Any) -> None:
        """A stop must be noticed, and the loop must be seen to live, however long the others take."""
        topic = await cluster.create_topic()
        ready, asked = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            if first.assignment():
                asked.set()
                await ready.wait()

        first = await member(topic, hold)
        await poll_until(lambda: len(first.assignment()) == 1, first)
        second = await member(topic)
        await poll_until(asked.is_set, second)
        async with asyncio.timeout(2):
            assert not (await first.poll(0.1, max_records=1)).records
            assert not (await second.poll(0.1, max_records=1)).records
        ready.set()
        await poll_until(lambda: len(first.assignment()) + len(second.assignment()) == 1, first, second)

    async def test_a_commit_of_a_partition_that_moved_on_is_lost(self, cluster: Cluster, member: Any) -> None:
        """A late commit must not move the new owner's offset back."""
        topic = await cluster.create_topic(partitions=2)
        first = await member(topic)
        await poll_until(lambda: len(first.assignment()) == 2, first)
        second = await member(topic)
        await poll_until(lambda: len(first.assignment()) == len(second.assignment()) == 1, first, second)
        with pytest.raises(CommitLost):
            await first.commit({next(iter(second.assignment())): 1})

    async def test_a_topic_that_does_not_exist_is_waited_for(self, cluster: Cluster, member: Any) -> None:
        """Services may start before the topics are made."""
        with pytest.raises(Transient, match="nowhere"):
            await member("nowhere")

    async def test_stopping_twice_is_allowed(self, cluster: Cluster, member: Any) -> None:
        """The loop stops the client on every way out."""
        client = await member(await cluster.create_topic())
        await client.stop()
        await client.stop()
