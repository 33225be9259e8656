"""The watchdog ends what lives and does nothing, and nothing else."""

import asyncio
import time
from collections.abc import Callable, Collection

import pytest
from readmit_runtime.errors import Transient
from readmit_runtime.group_lag import PartitionLag
from readmit_runtime.lifecycle import EXIT_STUCK
from readmit_runtime.messages import Partition
from readmit_runtime.testing.fake_clock import FakeClock
from readmit_runtime.watchdog import Watchdog, WatchdogSettings

P0, P1 = Partition("readmit.test.v1", 0), Partition("readmit.test.v1", 1)


class Scene:
    """A group's state as the watchdog sees it, and what the watchdog did."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.committed: dict[Partition, int | None] = {P0: 5, P1: 5}
        self.end = 10
        self.held: Collection[Partition] = {P0, P1}
        self.kafka_away = False
        self.store_away = False
        self.exits: list[int] = []
        self.watchdog = Watchdog(
            WatchdogSettings(stuck_s=60, check_s=10),
            lag=self._lag,
            held=lambda: self.held,
            probe=self._probe,
            clock=self.clock,
            end=self.exits.append,
        )

    async def _lag(self) -> list[PartitionLag]:
        if self.kafka_away:
            raise Transient("Kafka is away.")
        return [
            PartitionLag(partition, committed, self.end, self.end - (committed or 0))
            for partition, committed in self.committed.items()
        ]

    async def _probe(self) -> None:
        if self.store_away:
            raise Transient("The store is away.")

    async def watch(self, seconds: int, between: Callable[[], None] = lambda: None) -> None:
        """Let time pass, one look every ten seconds."""
        for _ in range(0, seconds, 10):
            await self.watchdog.look()
            between()
            self.clock.advance(10)


@pytest.fixture
def scene() -> Scene:
    """Return a scene in which five records wait in each of two partitions."""
    return Scene()


async def test_records_that_wait_without_a_commit_end_the_process(scene: Scene) -> None:
    """A consumer whose client lost its fetches shows no error; only its work stands still."""
    await scene.watch(60)
    assert scene.exits == []
    await scene.watch(20)
    assert scene.exits[0] == EXIT_STUCK == 70


async def test_a_standstill_shows_before_it_ends_the_process(scene: Scene) -> None:
    """A process that ended can tell nobody how often it does so; the way there can be seen."""
    assert scene.watchdog.standstill_s == 0
    await scene.watch(40)
    assert scene.watchdog.standstill_s == 40
    scene.committed = {P0: 10, P1: 10}
    await scene.watch(10)
    assert scene.watchdog.standstill_s == 0
    assert scene.exits == []


async def test_progress_in_the_partitions_held_is_life(scene: Scene) -> None:
    """A long queue is no fault."""

    def commit() -> None:
        scene.end += 100
        scene.committed = {partition: (offset or 0) + 1 for partition, offset in scene.committed.items()}

    await scene.watch(300, commit)
    assert scene.exits == []


async def test_one_partition_that_stands_still_is_seen_beside_one_that_moves(scene: Scene) -> None:
    """A sum over partitions would hide it."""

    def commit() -> None:
        scene.end += 100
        scene.committed[P0] = (scene.committed[P0] or 0) + 1

    await scene.watch(80, commit)
    assert scene.exits


async def test_nothing_waiting_is_rest(scene: Scene) -> None:
    """An idle topic commits nothing for days."""
    scene.committed = {P0: 10, P1: 10}
    await scene.watch(600)
    assert scene.exits == []


async def test_the_partitions_of_other_members_are_their_own_affair(scene: Scene) -> None:
    """One stuck member must not take the others down."""
    scene.held = {P0}
    scene.committed = {P0: 10, P1: 5}
    await scene.watch(600)
    assert scene.exits == []


async def test_a_member_without_partitions_answers_for_the_group(scene: Scene) -> None:
    """A member that dropped out and never rejoins holds none, and none of the group's work is done."""
    scene.held = set()
    scene.committed = {P0: None, P1: 10}
    await scene.watch(80)
    assert scene.exits


@pytest.mark.parametrize("who", ["kafka_away", "store_away"])
async def test_while_a_dependency_is_away_nothing_is_held_against_the_loop(scene: Scene, who: str) -> None:
    """A restart heals no database; and after the return the loop has its full time again."""
    setattr(scene, who, True)
    await scene.watch(600)
    setattr(scene, who, False)
    await scene.watch(60)
    assert scene.exits == []
    await scene.watch(20)
    assert scene.exits


async def test_a_process_that_was_suspended_gets_its_time_again(scene: Scene) -> None:
    """A frozen virtual machine wakes up with old clocks, not with a fault."""
    await scene.watch(20)
    scene.clock.advance(3_600)
    await scene.watch(60)
    assert scene.exits == []


async def test_a_blocked_event_loop_is_seen_from_outside() -> None:
    """No coroutine can report what stops all coroutines."""
    exits: list[int] = []
    stop = asyncio.Event()
    watchdog = Watchdog(WatchdogSettings(blocked_s=0.1, check_s=0.05), end=exits.append)
    running = asyncio.create_task(watchdog.run(stop))
    await asyncio.sleep(0.3)
    assert exits == []
    time.sleep(0.4)  # noqa: ASYNC251 - the fault under test
    assert exits == [EXIT_STUCK]
    stop.set()
    await running
