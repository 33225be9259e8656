"""The consumer loop when partitions move: nothing is lost, nothing is committed over another member's head."""

import asyncio

import pytest
from readmit_runtime.errors import Transient
from readmit_runtime.testing.fake_consumer import FakeConsumerClient
from support.consumer_bench import P0, P1, TOPIC, Bench, eventually


@pytest.fixture
def bench() -> Bench:
    """Return a fresh bench."""
    return Bench()


async def test_records_assigned_during_a_back_off_are_handled_after_it(bench: Bench) -> None:
    """A partition that arrives while the loop polls for its life must not be polled past."""
    bench.fill(b"a")
    bench.store.failures = [Transient("The store is away.")]
    async with bench.running():
        await eventually(lambda: bench.progress.transients == 1)
        bench.fill(b"b", partition=1)
        await bench.client.rebalance()
        await eventually(lambda: bench.committed == {P0: 1, P1: 1})
    assert sorted(bench.store.values) == [b"a", b"b"]


async def test_a_rebalance_waits_until_the_group_in_hand_is_committed(bench: Bench) -> None:
    """Otherwise the new owner starts on records whose effect is just being written."""
    bench.fill(b"a")
    bench.store.gate = asyncio.Event()
    async with bench.running():
        await eventually(lambda: bench.store.entered == 1)
        moving = bench.client.rebalance()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not moving.done()
        bench.store.gate.set()
        await moving
        assert bench.client.commits == [{P0: 1}]
    assert bench.store.values == [b"a"]
    assert bench.progress.revokes_given_up == 0


async def test_a_rebalance_gives_up_on_a_handler_at_the_budget(bench: Bench) -> None:
    """Past the rebalance timeout the broker evicts the member anyway, and the group should not stand still."""
    bench.fill(b"a")
    bench.store.gate = asyncio.Event()
    async with bench.running(revoke_budget_s=0.02):
        await eventually(lambda: bench.store.entered == 1)
        await bench.client.rebalance()
        assert bench.progress.revokes_given_up == 1
        bench.store.gate.set()
        await eventually(lambda: bench.progress.commits_lost == 1)
        await eventually(lambda: bench.committed == {P0: 1})
    assert bench.store.values == [b"a", b"a"]


@pytest.mark.parametrize("group_wait_s", [0.0, 0.05], ids=["before the lock", "while gathering"])
async def test_what_was_polled_before_a_rebalance_is_dropped_and_comes_again(bench: Bench, group_wait_s: float) -> None:
    """Records of a partition that was given back, even if it returned at once, are not ours to handle."""

    class Moving(FakeConsumerClient):
        async def poll(self, timeout_s: float, *, max_records: int):  # type: ignore[no-untyped-def]
            polled = await super().poll(timeout_s, max_records=max_records)
            if polled.records and self.epoch == 1:
                await self.rebalance()
            return polled

    bench.client = Moving(bench.broker, topics=[TOPIC])
    bench.fill(b"a", b"b")
    async with bench.running(group_wait_s=group_wait_s):
        await eventually(lambda: bool(bench.committed))
    assert bench.store.groups == [[b"a", b"b"]]
    assert bench.progress.records_dropped == 2


async def test_an_owed_commit_is_dropped_when_the_partitions_move(bench: Bench) -> None:
    """The new owner began at the older offset; committing over its head could move it back later."""

    class Deaf(FakeConsumerClient):
        async def commit(self, offsets):  # type: ignore[no-untyped-def]
            if self.epoch == 1:
                raise Transient("The coordinator is away.")
            await super().commit(offsets)

    bench.client = Deaf(bench.broker, topics=[TOPIC])
    bench.fill(b"a")
    async with bench.running():
        await eventually(lambda: bench.progress.commits_put_off > 0)
        await bench.client.rebalance()
        await eventually(lambda: bench.committed == {P0: 1})
    assert bench.progress.commits_lost == 1
    assert bench.store.values == [b"a", b"a"]


async def test_two_members_share_the_work_and_lose_none_when_one_leaves(bench: Bench) -> None:
    """Instances can be added and removed at any time."""
    other, other_stop = Bench(), asyncio.Event()
    other.clock, other.broker, other.store = bench.clock, bench.broker, bench.store
    other.client = FakeConsumerClient(bench.broker, topics=[TOPIC])
    async with bench.running(max_records=5):
        second = asyncio.create_task(other.loop(max_records=5).run(other_stop))
        await eventually(lambda: bench.progress.assigned == other.progress.assigned == 1)
        for number in range(40):
            bench.fill(b"%d" % number, partition=number % 2)
            if number == 20:
                other_stop.set()
            await asyncio.sleep(0)
        await second
        await eventually(lambda: bench.committed == {P0: 20, P1: 20})
    assert {int(value) for value in bench.store.values} == set(range(40))
