"""Be one member of a consumer group of a FakeBroker."""

import asyncio
from collections.abc import Collection, Coroutine, Mapping, Sequence
from typing import Any

from readmit_runtime.consumer_client import CommitLost, Polled, RevokeListener
from readmit_runtime.deadline import Deadline
from readmit_runtime.errors import Transient
from readmit_runtime.messages import IncomingRecord, Partition
from readmit_runtime.testing.fake_broker import FakeBroker

_LOOK_AGAIN_S = 0.005


class FakeConsumerClient:
    """A ConsumerClient in memory; joining and rebalancing happen beside the caller, as with a real group.

    `commits` holds every commit that was stored, in order; `polls_paused` counts polls with all partitions paused.
    """

    def __init__(self, broker: FakeBroker, *, topics: Collection[str], group_id: str = "group") -> None:
        self._broker = broker
        self._topics = sorted(topics)
        self._group = broker.group(group_id)
        self._on_revoke: RevokeListener | None = None
        self._positions: dict[Partition, int] = {}
        self._paused: set[Partition] = set()
        self._moves: set[asyncio.Task[None]] = set()
        self.epoch = 0
        self.commits: list[dict[Partition, int]] = []
        self.polls_paused = 0
        self.stopped = False

    async def start(self, on_revoke: RevokeListener) -> None:
        """Begin to join the group; polls are empty until that is done."""
        self._broker.reach()
        missing = [topic for topic in self._topics if not self._broker.has_topic(topic)]
        if missing:
            raise Transient(f"Topics that do not exist: {', '.join(missing)}; create them.")
        self._on_revoke = on_revoke
        self._beside(self._group.join(self, self._topics))

    async def poll(self, timeout_s: float, *, max_records: int) -> Polled:
        """Return what is there, else look again until the time is over."""
        self._running()
        deadline = Deadline.after(timeout_s, self._broker.clock)
        if self._positions and self._paused >= self._positions.keys():
            self.polls_paused += 1
        while True:
            self._broker.reach()
            taken = self._take(max_records)
            if taken or deadline.expired:
                return Polled(self.epoch, taken)
            await self._broker.clock.sleep(min(deadline.remaining(), _LOOK_AGAIN_S))

    def _take(self, max_records: int) -> dict[Partition, Sequence[IncomingRecord]]:
        taken: dict[Partition, Sequence[IncomingRecord]] = {}
        for partition, position in self._positions.items():
            if partition in self._paused or max_records == 0:
                continue
            records = self._broker.read(partition, position, max_records)
            if records:
                taken[partition] = records
                max_records -= len(records)
                self._positions[partition] = records[-1].offset + 1
        return taken

    def assignment(self) -> Collection[Partition]:
        """Return the partitions held now."""
        return set(self._positions)

    def behind(self) -> int:
        """Count the records behind those handed out."""
        return sum(self._broker.end(partition) - position for partition, position in self._positions.items())

    def seek(self, partition: Partition, offset: int) -> None:
        """Let the next poll of a held partition begin at `offset`."""
        if partition not in self._positions:
            raise RuntimeError(f"{partition} is not held; seek only what the last poll of this epoch brought.")
        self._positions[partition] = offset

    def pause(self) -> None:
        """Hand out nothing from the partitions held now."""
        self._running()
        self._paused = set(self._positions)

    def resume(self) -> None:
        """Hand out records of all partitions held now again."""
        self._running()
        self._paused.clear()

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store offsets with the group; raises CommitLost for a partition that another member holds."""
        self._running()
        self._broker.reach()
        if not offsets:
            raise ValueError("A commit without offsets is an error; the real client refuses it.")
        await asyncio.sleep(0)
        if not all(self._group.holds(self, partition) for partition in offsets):
            raise CommitLost("a partition belongs to another member")
        self._group.committed.update(offsets)
        self.commits.append(dict(offsets))

    async def stop(self) -> None:
        """Leave the group; those that stay share the partitions out."""
        if self._on_revoke is None or self.stopped:
            return
        self.stopped = True
        await asyncio.gather(*self._moves)
        self._positions.clear()
        await self._group.leave(self, self._topics)

    async def revoke(self) -> None:
        """Let the owner finish, then end the epoch; called by the group."""
        if self._on_revoke is not None and not self.stopped:
            await self._on_revoke()
        self.epoch += 1
        self._positions.clear()
        self._paused.clear()

    def assign(self, partitions: Sequence[Partition]) -> None:
        """Begin at the committed offsets; called by the group."""
        self._positions = {partition: self._group.committed.get(partition, 0) for partition in partitions}

    def rebalance(self) -> "asyncio.Task[None]":
        """Take all partitions from all members and share them out again, beside the caller."""
        return self._beside(self._group.rebalance(self._topics))

    def _beside(self, move: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(move)
        self._moves.add(task)
        task.add_done_callback(self._moves.discard)
        return task

    def _running(self) -> None:
        if self._on_revoke is None or self.stopped:
            raise RuntimeError("The consumer is not started; call start() first.")
