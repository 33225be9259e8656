"""The consumer loop in a real group: rebalances while handlers work, and groups of real chunks' size."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from readmit_runtime.consumer import GroupConsumer, Handler
from readmit_runtime.consumer_progress import ConsumerProgress
from readmit_runtime.consumer_settings import ConsumerSettings
from readmit_runtime.errors import Transient
from readmit_runtime.kafka_consumer import KafkaConsumerClient
from readmit_runtime.messages import IncomingRecord
from readmit_runtime.topic_admin import TopicAdmin, lag_of
from support.kafka_cluster import QUICK, KafkaCluster

LIMIT_S = 60.0


@pytest.fixture
def cluster(kafka_bootstrap: str) -> KafkaCluster:
    """Return the real broker."""
    return KafkaCluster(kafka_bootstrap)


class Member:
    """One loop in a group of its own process's making."""

    def __init__(
        self, cluster: KafkaCluster, topic: str, group_id: str, handle: Handler, settings: ConsumerSettings = QUICK
    ) -> None:
        self.progress = ConsumerProgress()
        self.client = KafkaConsumerClient(
            cluster.kafka, settings, topics=[topic], group_id=group_id, client_id=f"test-{uuid4().hex[:6]}"
        )
        self.stop = asyncio.Event()
        self.loop = GroupConsumer(self.client, handle, settings, progress=self.progress)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[None]"]:
        """Run the loop for the length of the block, then stop it in order."""
        task = asyncio.create_task(self.loop.run(self.stop))
        try:
            yield task
        finally:
            self.stop.set()
            async with asyncio.timeout(LIMIT_S):
                await task


async def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds; fail with its name."""
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline, f"not within {LIMIT_S} s: {what}"
        await asyncio.sleep(0.02)


async def committed(cluster: KafkaCluster, group_id: str, topic: str) -> list[int | None]:
    """Return what the group has committed, by partition."""
    async with TopicAdmin.connect(cluster.kafka, client_id="test") as admin:
        return [lag.committed for lag in await admin.group_lag(group_id, [topic])]


async def test_a_joining_member_waits_for_the_busy_one_and_nothing_is_handled_twice(cluster: KafkaCluster) -> None:
    """The rebalance runs in a task beside the handler; only the shared lock keeps them apart."""
    topic, group_id = await cluster.create_topic(partitions=2), f"group.{uuid4().hex}"
    for partition in (0, 1):
        await cluster.fill(topic, [b"%d" % number for number in range(5)], partition=partition)
    handled: list[tuple[int, int]] = []
    busy, release = asyncio.Event(), asyncio.Event()

    async def handle(records: Sequence[IncomingRecord]) -> None:
        busy.set()
        await release.wait()
        handled.extend((record.partition, record.offset) for record in records)

    first, second = (Member(cluster, topic, group_id, handle) for _ in range(2))
    async with first.running():
        await busy.wait()
        async with second.running():
            await asyncio.sleep(1.5)
            assert second.progress.assigned == 0
            release.set()
            await until(lambda: first.progress.assigned == second.progress.assigned == 1, "one partition each")
            await until(lambda: len(handled) >= 10, "all records handled")
            await asyncio.sleep(0.5)
    assert sorted(handled) == [(partition, offset) for partition in (0, 1) for offset in range(5)]
    assert await committed(cluster, group_id, topic) == [5, 5]


async def test_a_handler_that_outlasts_the_budget_loses_its_commit_and_the_records_come_again(
    cluster: KafkaCluster,
) -> None:
    """A zombie's commit is counted, not obeyed; its effect is the ledger's business."""
    topic, group_id = await cluster.create_topic(), f"group.{uuid4().hex}"
    await cluster.fill(topic, [b"a"])
    settings = QUICK.model_copy(update={"revoke_budget_s": 0.3})
    handled: list[str] = []
    busy, release = asyncio.Event(), asyncio.Event()

    def handler(name: str) -> Handler:
        async def handle(records: Sequence[IncomingRecord]) -> None:
            busy.set()
            if name == "zombie" and not handled:
                await release.wait()
            handled.append(name)

        return handle

    zombie, heir = (Member(cluster, topic, group_id, handler(name), settings) for name in ("zombie", "heir"))
    async with zombie.running():
        await busy.wait()
        async with heir.running():
            await until(lambda: zombie.progress.revokes_given_up > 0, "the rebalance gave up")
            release.set()
            await until(lambda: zombie.progress.commits_lost == 1, "the late commit is lost")
            await until(lambda: len(handled) >= 2, "the record came again")
    assert await committed(cluster, group_id, topic) == [1]


async def test_transient_failures_on_a_real_broker_repeat_the_same_records(cluster: KafkaCluster) -> None:
    """Seeking, pausing and resuming must together bring back exactly what failed."""
    topic, group_id = await cluster.create_topic(partitions=2), f"group.{uuid4().hex}"
    for partition in (0, 1):
        await cluster.fill(topic, [b"%d" % number for number in range(20)], partition=partition)
    handled: list[tuple[int, int]] = []
    failures = 3

    async def handle(records: Sequence[IncomingRecord]) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise Transient("The store is away.")
        handled.extend((record.partition, record.offset) for record in records)

    settings = QUICK.model_copy(update={"backoff_first_s": 0.05, "backoff_limit_s": 0.2, "max_records": 7})
    member = Member(cluster, topic, group_id, handle, settings)
    async with member.running():
        await until(lambda: len(handled) == 40, "all records handled")
    assert sorted(handled) == [(partition, offset) for partition in (0, 1) for offset in range(20)]
    assert member.progress.transients == 3


async def test_a_storm_of_joins_and_leaves_loses_nothing_and_keeps_the_order(cluster: KafkaCluster) -> None:
    """Scaling up and down at any moment: each record at least once, each partition never backwards for long."""
    topic, group_id = await cluster.create_topic(partitions=4), f"group.{uuid4().hex}"
    per_partition = 300
    handled: set[tuple[int, int]] = set()
    repeats = 0
    chance = random.Random(7)  # noqa: S311 - a seed, so that a failure can be repeated

    async def handle(records: Sequence[IncomingRecord]) -> None:
        nonlocal repeats
        await asyncio.sleep(chance.uniform(0, 0.02))
        for record in records:
            place = (record.partition, record.offset)
            assert record.offset == 0 or (record.partition, record.offset - 1) in handled, "a record was skipped"
            repeats += place in handled
            handled.add(place)

    settings = QUICK.model_copy(update={"max_records": 20})

    async def come_and_go(delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        async with Member(cluster, topic, group_id, handle, settings).running():
            await asyncio.sleep(chance.uniform(0.5, 1.5))

    steady = Member(cluster, topic, group_id, handle, settings)
    async with steady.running():
        visitors = [asyncio.create_task(come_and_go(0.7 * number)) for number in range(6)]
        for _ in range(per_partition // 30):
            for partition in range(4):
                await cluster.fill(topic, [b"x"] * 30, partition=partition)
            await asyncio.sleep(0.3)
        await asyncio.gather(*visitors)
        await until(lambda: len(handled) == 4 * per_partition, "every record handled")
        await until(lambda: steady.progress.behind == 0, "caught up")
    assert await committed(cluster, group_id, topic) == [per_partition] * 4
    assert repeats == 0, "each group was finished and committed before its partitions moved"


async def test_forty_chunks_of_95_kb_come_in_few_groups(cluster: KafkaCluster) -> None:
    """One transaction of forty chunks costs hardly more than one of a single chunk, so groups must fill."""
    topic, group_id = await cluster.create_topic(partitions=6), f"group.{uuid4().hex}"
    text = random.Random(1).randbytes(70_000).hex().encode()[:95_000]  # noqa: S311 - content of no meaning
    for partition in range(6):
        await cluster.fill(topic, [text] * 20, partition=partition)
    sizes: list[int] = []

    async def handle(records: Sequence[IncomingRecord]) -> None:
        sizes.append(len(records))

    settings = QUICK.model_copy(update={"max_records": 40})
    async with Member(cluster, topic, group_id, handle, settings).running():
        await until(lambda: sum(sizes) == 120, "all chunks handled")
    assert max(sizes) == 40
    assert len(sizes) <= 6


async def test_the_lag_of_a_group_is_read_from_outside(cluster: KafkaCluster) -> None:
    """The watchdog must not ask the client that it suspects."""
    topic, group_id = await cluster.create_topic(), f"group.{uuid4().hex}"
    await cluster.fill(topic, [b"a", b"b", b"c"])
    read = lag_of(cluster.kafka, group_id=group_id, topics=[topic], client_id="test")
    [before] = await read()
    assert (before.committed, before.end, before.waiting) == (None, 3, 3)

    async def handle(records: Sequence[IncomingRecord]) -> None:
        pass

    member = Member(cluster, topic, group_id, handle)
    async with member.running():
        await until(lambda: member.progress.records == 3, "all records handled")
    [after] = await read()
    assert (after.committed, after.end, after.waiting) == (3, 3, 0)
