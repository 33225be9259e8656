"""Say how far consumer groups are behind: in messages, and by the age of what they have not committed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from readmit_runtime.messages import Partition


@dataclass(frozen=True, slots=True)
class PartitionOffsets:
    """The first offset still kept in a partition and the one that its next record gets."""

    partition: Partition
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How far a group is behind in one partition; `committed` is None before its first commit."""

    partition: Partition
    committed: int | None
    end: int
    waiting: int
    """Offsets still kept that the group has not committed, compacted ones and markers of transactions among them."""
    age_s: float | None = 0.0
    """Seconds since the oldest record among them was written, by its timestamp; 0 where none is left to read,
    None where it can't be read."""

    @property
    def next_offset(self) -> int:
        """The first offset that waits."""
        return self.end - self.waiting


def oldest_age_s(lags: Iterable[PartitionLag]) -> float | None:
    """Return the largest of the ages; None as long as one is unknown, for it may be the largest."""
    ages = [lag.age_s for lag in lags]
    known = [age_s for age_s in ages if age_s is not None]
    return max(known, default=0.0) if len(known) == len(ages) else None


@dataclass(frozen=True, slots=True)
class GroupState:
    """What the broker knows of a group: its members, what they hold, what it has committed."""

    group: str
    state: str
    members: int
    held: frozenset[Partition]
    committed: Mapping[Partition, int]


@dataclass(frozen=True, slots=True)
class GroupLag:
    """One group and every partition of the topics that it reads, sorted."""

    group: str
    state: str
    members: int
    partitions: tuple[PartitionLag, ...]

    def with_ages(self, ages: Mapping[tuple[Partition, int], float | None]) -> "GroupLag":
        """Return the same with the ages of what waits; they are by partition and offset."""
        aged = [replace(lag, age_s=ages.get((lag.partition, lag.next_offset), 0.0)) for lag in self.partitions]
        return replace(self, partitions=tuple(aged))


@dataclass(frozen=True, slots=True)
class LagReport:
    """One look at the topics and at all groups that read them, each sorted by name."""

    offsets: tuple[PartitionOffsets, ...]
    groups: tuple[GroupLag, ...]


def partition_lag(bounds: PartitionOffsets, committed: int | None) -> PartitionLag:
    """Return the lag of a group that goes on at `committed`, else at the oldest record, as all groups here do.

    An offset below the oldest record counts from there, one behind the end (the topic was made anew) as no lag.
    """
    position = bounds.first if committed is None else min(max(committed, bounds.first), bounds.end)
    return PartitionLag(bounds.partition, committed, bounds.end, bounds.end - position)


def group_lags(groups: Collection[GroupState], bounds: Sequence[PartitionOffsets]) -> list[GroupLag]:
    """Return the lag of each group, sorted, in all partitions of every topic of which it committed or holds one.

    Partitions without bounds (their topic was deleted, or is not looked at) are left out.
    """
    lags = []
    for group in sorted(groups, key=lambda group: group.group):
        topics = {partition.topic for partition in (*group.committed, *group.held)}
        read = [bound for bound in bounds if bound.partition.topic in topics]
        found = [partition_lag(bound, group.committed.get(bound.partition)) for bound in read]
        lags.append(GroupLag(group.group, group.state, group.members, tuple(found)))
    return lags
