"""Put together what the contracts say of each topic with what the broker says."""

from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec
from readmit_contracts.topics import Topic, dead_letter
from readmit_runtime.clock import Clock
from readmit_runtime.deadline import Deadline
from readmit_runtime.errors import Transient
from readmit_runtime.topic_admin import PartitionLag, PartitionOffsets

# Who reads as a group of that name, and so has an offset that can lag; the others read without one.
GROUPS = frozenset({"batch_producer", "ingestor", "trainer"})

GROUPS_READY_WITHIN_S = 10.0
AGAIN_S = 0.5


class GroupLag(msgspec.Struct, frozen=True, kw_only=True):
    """How many messages a group has still to read; None when it has read nothing yet, or reads without a group."""

    group: str
    waiting: int | None


class TopicRow(msgspec.Struct, frozen=True, kw_only=True):
    """One topic: what it is for and what is in it. `parked` counts the messages of its dead letter topic."""

    name: str
    description: str
    partitions: int
    messages: int
    parked: int
    cleanup: str
    retention_days: int | None
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    lag: tuple[GroupLag, ...]


class Offsets(Protocol):
    """What is asked of the broker."""

    async def offsets(self, topics: Collection[str]) -> list[PartitionOffsets]:
        """Return every partition's bounds."""
        ...

    async def group_lag(self, group_id: str, topics: Collection[str]) -> list[PartitionLag]:
        """Return how far the group is behind in every partition."""
        ...


async def rows(topics: Sequence[Topic], broker: Offsets, clock: Clock) -> list[TopicRow]:
    """Return a row for each topic, in their order; raises Transient while Kafka or a topic is not there."""
    names = [name for topic in topics for name in (topic.name, dead_letter(topic).name)]
    bounds = await broker.offsets(names)
    lag = {group: await _lag(group, topics, broker, clock) for group in sorted(GROUPS)}
    return [_row(topic, bounds, lag) for topic in topics]


async def _lag(group: str, topics: Sequence[Topic], broker: Offsets, clock: Clock) -> list[PartitionLag]:
    read = [topic.name for topic in topics if group in topic.readers]
    # A broker that has never had a group first makes itself a topic for the offsets of groups.
    deadline = Deadline.after(GROUPS_READY_WITHIN_S, clock)
    while read:
        try:
            return await broker.group_lag(group, read)
        except Transient:
            if deadline.expired:
                raise
            await clock.sleep(AGAIN_S)
    return []


def _row(topic: Topic, bounds: Sequence[PartitionOffsets], lag: dict[str, list[PartitionLag]]) -> TopicRow:
    own = [bound for bound in bounds if bound.partition.topic == topic.name]
    parked = [bound for bound in bounds if bound.partition.topic == dead_letter(topic).name]
    groups = [reader for reader in topic.readers if reader in lag]
    return TopicRow(
        name=topic.name,
        description=topic.description,
        partitions=len(own),
        messages=sum(bound.end - bound.first for bound in own),
        parked=sum(bound.end - bound.first for bound in parked),
        cleanup=topic.cleanup,
        retention_days=topic.retention_days,
        writers=topic.writers,
        readers=topic.readers,
        lag=tuple(GroupLag(group=group, waiting=_waiting(topic, lag[group])) for group in groups),
    )


def _waiting(topic: Topic, lag: Sequence[PartitionLag]) -> int | None:
    own = [part for part in lag if part.partition.topic == topic.name]
    if all(part.committed is None for part in own):
        return None
    return sum(part.waiting for part in own)
