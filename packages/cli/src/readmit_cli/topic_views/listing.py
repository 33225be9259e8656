"""Put together what the contracts say of each topic with what the broker says."""

from collections.abc import Iterator, Sequence

import msgspec
from readmit_contracts.topics import Topic, dead_letter
from readmit_runtime.group_lag import LagReport, PartitionOffsets, oldest_age_s

from readmit_cli.topic_views import lag_view


class TopicGroup(msgspec.Struct, frozen=True, kw_only=True):
    """How far a group is behind in one topic: messages in all partitions, and the age in the worst of them, or None."""

    group: str
    waiting: int
    age_s: float | None


class TopicRow(msgspec.Struct, frozen=True, kw_only=True):
    """One topic: what it is for and what is in it; one without partitions does not exist.

    `parked` counts the messages of its dead letter topic. `lag` has the groups that read it; others read without.
    """

    name: str
    description: str
    partitions: int
    messages: int
    parked: int
    cleanup: str
    retention_days: int | None
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    lag: tuple[TopicGroup, ...]


def rows(topics: Sequence[Topic], report: LagReport) -> list[TopicRow]:
    """Return a row for each topic, in their order."""
    return [_row(topic, report) for topic in topics]


def groups_of(topic: str, report: LagReport) -> Iterator[TopicGroup]:
    """Yield the groups that read a topic."""
    for group in report.groups:
        lags = [lag for lag in group.partitions if lag.partition.topic == topic]
        if lags:
            waiting = sum(lag.waiting for lag in lags)
            yield TopicGroup(group=group.group, waiting=waiting, age_s=lag_view.told(oldest_age_s(lags)))


def bounds_of(topic: str, report: LagReport) -> list[PartitionOffsets]:
    """Return the bounds of a topic's partitions; none when it does not exist."""
    return [bounds for bounds in report.offsets if bounds.partition.topic == topic]


def _row(topic: Topic, report: LagReport) -> TopicRow:
    own = bounds_of(topic.name, report)
    return TopicRow(
        name=topic.name,
        description=topic.description,
        partitions=len(own),
        messages=_messages(own),
        parked=_messages(bounds_of(dead_letter(topic).name, report)),
        cleanup=topic.cleanup,
        retention_days=topic.retention_days,
        writers=topic.writers,
        readers=topic.readers,
        lag=tuple(groups_of(topic.name, report)),
    )


def _messages(bounds: Sequence[PartitionOffsets]) -> int:
    return sum(bound.end - bound.first for bound in bounds)
