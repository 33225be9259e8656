"""Keep topics and consumer groups in memory, as far as the loops built on them can tell."""

import asyncio
import zlib
from collections.abc import Sequence
from typing import Protocol

from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.errors import Transient
from readmit_runtime.messages import IncomingRecord, OutgoingRecord, Partition


class FakeMember(Protocol):
    """What a group asks of its members; a rebalance takes everything from everyone first."""

    async def revoke(self) -> None:
        """Give all partitions back."""
        ...

    def assign(self, partitions: Sequence[Partition]) -> None:
        """Take these partitions."""
        ...


class FakeGroup:
    """Members, their partitions (round robin in the order of joining) and the committed offsets."""

    def __init__(self, broker: "FakeBroker") -> None:
        self._broker = broker
        self._members: list[FakeMember] = []
        self._holders: dict[FakeMember, list[Partition]] = {}
        self._rebalancing = asyncio.Lock()
        self.committed: dict[Partition, int] = {}

    async def join(self, member: FakeMember, topics: Sequence[str]) -> None:
        """Add a member and share the partitions out anew."""
        self._members.append(member)
        await self.rebalance(topics)

    async def leave(self, member: FakeMember, topics: Sequence[str]) -> None:
        """Remove a member; its partitions go to those that are left."""
        self._members.remove(member)
        self._holders.pop(member, None)
        await self.rebalance(topics)

    async def rebalance(self, topics: Sequence[str]) -> None:
        """Wait until every member has given its partitions back, then share them out."""
        async with self._rebalancing:
            await asyncio.gather(*(member.revoke() for member in self._members))
            partitions = [partition for topic in sorted(topics) for partition in self._broker.partitions(topic)]
            count = len(self._members)
            self._holders = {
                member: partitions[place::count] if count else [] for place, member in enumerate(self._members)
            }
            for member, share in self._holders.items():
                member.assign(share)

    def holds(self, member: FakeMember, partition: Partition) -> bool:
        """Tell whether the broker counts the partition as this member's."""
        return partition in self._holders.get(member, ())


class FakeBroker:
    """Topics with partitions, each a list of records whose index is the offset.

    `away` makes every call of every client raise Transient, as a broker that cannot be reached does.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.away = False
        self._logs: dict[str, list[list[IncomingRecord]]] = {}
        self._groups: dict[str, FakeGroup] = {}

    def create_topic(self, name: str, *, partitions: int = 1) -> None:
        """Make an empty topic."""
        self._logs[name] = [[] for _ in range(partitions)]

    def has_topic(self, name: str) -> bool:
        """Tell whether the topic exists."""
        return name in self._logs

    def partitions(self, topic: str) -> list[Partition]:
        """Return the topic's partitions in order."""
        return [Partition(topic, number) for number in range(len(self._logs[topic]))]

    def group(self, group_id: str) -> FakeGroup:
        """Return the group of that name, made at its first use."""
        return self._groups.setdefault(group_id, FakeGroup(self))

    def append(self, record: OutgoingRecord, *, partition: int | None = None) -> IncomingRecord:
        """Store a record in the partition of its key, or in the one given, and return it as readers see it."""
        logs = self._logs[record.topic]
        number = zlib.crc32(record.key) % len(logs) if partition is None else partition
        stored = IncomingRecord(
            topic=record.topic,
            partition=number,
            offset=len(logs[number]),
            key=record.key,
            value=record.value,
            headers=record.headers,
            timestamp_ms=int(self.clock.now().timestamp() * 1000),
        )
        logs[number].append(stored)
        return stored

    def read(self, partition: Partition, offset: int, count: int) -> list[IncomingRecord]:
        """Return up to `count` records from `offset` on."""
        return self._logs[partition.topic][partition.number][offset : offset + count]

    def end(self, partition: Partition) -> int:
        """Return the offset that the next record will get."""
        return len(self._logs[partition.topic][partition.number])

    def records(self, topic: str) -> list[IncomingRecord]:
        """Return the whole topic, partition by partition."""
        return [record for log in self._logs[topic] for record in log]

    def reach(self) -> None:
        """Raise Transient while the broker is away."""
        if self.away:
            raise Transient("The fake broker is away.")
