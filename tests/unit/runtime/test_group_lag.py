"""How lag is counted."""

import pytest
from readmit_runtime.group_lag import GroupState, PartitionOffsets, group_lags, partition_lag
from readmit_runtime.messages import Partition

FIRST = Partition("events", 0)
SECOND = Partition("events", 1)
OTHER = Partition("other", 0)
BOUNDS = [PartitionOffsets(FIRST, 5, 15), PartitionOffsets(SECOND, 0, 3), PartitionOffsets(OTHER, 0, 8)]


def state(name, *, committed=(), held=()) -> GroupState:
    """Give a group."""
    return GroupState(name, "Stable", 1, frozenset(held), dict(committed))


@pytest.mark.parametrize(
    ("committed", "waiting", "next_offset"),
    [(None, 10, 5), (0, 10, 5), (5, 10, 5), (12, 3, 12), (15, 0, 15), (20, 0, 15)],
    ids=["never", "forgotten by the topic", "oldest", "behind", "at the end", "beyond the end"],
)
def test_what_waits_is_what_is_kept_and_not_committed(committed, waiting, next_offset):
    """Neither what nobody can read any more nor a negative number."""
    lag = partition_lag(BOUNDS[0], committed)
    assert (lag.committed, lag.waiting, lag.next_offset) == (committed, waiting, next_offset)


def test_a_group_is_told_of_every_partition_of_the_topics_that_it_reads():
    """A partition that it never committed is where it may be stuck."""
    (lag,) = group_lags([state("g", committed={FIRST: 15})], BOUNDS)
    assert [(part.partition, part.waiting) for part in lag.partitions] == [(FIRST, 0), (SECOND, 3)]


def test_a_group_that_holds_a_topic_is_told_of_without_a_commit():
    """It may be failing at its first batch."""
    (lag,) = group_lags([state("g", held=[OTHER])], BOUNDS)
    assert [(part.partition, part.committed, part.waiting) for part in lag.partitions] == [(OTHER, None, 8)]


def test_what_is_not_looked_at_is_left_out():
    """A group may read topics of others too, or one that was deleted."""
    (lag,) = group_lags([state("g", committed={FIRST: 15, Partition("foreign", 0): 1})], BOUNDS[:1])
    assert [part.partition for part in lag.partitions] == [FIRST]


def test_groups_are_sorted_and_their_ages_are_by_place():
    """Two groups at the same place are as late as each other."""
    lags = group_lags([state("b", committed={OTHER: 3}), state("a", committed={OTHER: 3})], BOUNDS)
    aged = [lag.with_ages({(OTHER, 3): 4.5, (OTHER, 4): 9.0}) for lag in lags]
    assert [(lag.group, lag.partitions[0].age_s) for lag in aged] == [("a", 4.5), ("b", 4.5)]
