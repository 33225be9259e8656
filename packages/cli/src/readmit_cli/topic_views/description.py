"""Describe one topic: what it is meant to be, what it is, what is in it and who reads it."""

from collections.abc import Iterator

import msgspec
from readmit_contracts.topics import Topic
from readmit_runtime.group_lag import LagReport
from readmit_runtime.topic_admin import Size, TopicDifference
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from readmit_cli.topic_views import lag_view
from readmit_cli.topic_views.lag_view import LagRow
from readmit_cli.topic_views.listing import bounds_of


class PartitionBounds(msgspec.Struct, frozen=True, kw_only=True):
    """The first offset kept in a partition and the one that its next record gets."""

    partition: int
    first: int
    end: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which the topic is not as declared: `topic`, `partitions` or a setting of the broker's."""

    what: str
    declared: str
    found: str


class TopicDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What is declared for a topic, how the broker's differs, what is in it, and the groups that read it."""

    name: str
    description: str
    key: str
    messages: tuple[str, ...]
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    declared_partitions: int
    cleanup: str
    retention_days: int | None
    timestamp: str
    differences: tuple[Difference, ...]
    partitions: tuple[PartitionBounds, ...]
    groups: tuple[LagRow, ...]


def describe(topic: Topic, size: Size, found: list[TopicDifference], report: LagReport) -> TopicDescription:
    """Put together what is declared for an installation of that size with what the broker says."""
    return TopicDescription(
        name=topic.name,
        description=topic.description,
        key=topic.key,
        messages=tuple(message.__name__ for message in topic.messages),
        writers=topic.writers,
        readers=topic.readers,
        declared_partitions=topic.partitions_local if size == "local" else topic.partitions_production,
        cleanup=topic.cleanup,
        retention_days=topic.retention_days,
        timestamp=topic.timestamp,
        differences=tuple(
            Difference(what=difference.what, declared=difference.expected, found=difference.found)
            for difference in found
        ),
        partitions=tuple(
            PartitionBounds(partition=bounds.partition.number, first=bounds.first, end=bounds.end)
            for bounds in bounds_of(topic.name, report)
        ),
        groups=tuple(lag_view.rows(report, topic=topic.name)),
    )


def sections(topic: TopicDescription) -> Iterator[RenderableType]:
    """Yield the description for people, top down."""
    yield Text.assemble((topic.name, "bold"), f"  {topic.description}")
    kept = "the last of each key" if topic.cleanup == "compact" else f"{topic.retention_days} days"
    for name, text in (
        ("carries", f"{', '.join(topic.messages)}, by {topic.key}"),
        ("from, to", f"{', '.join(topic.writers)} to {', '.join(topic.readers)}"),
        ("kept", f"{kept}, timed by {'the broker' if topic.timestamp == 'LogAppendTime' else 'the sender'}"),
    ):
        yield Text(f"{name:<9} {text}")
    for difference in topic.differences:
        text = f"{difference.what} is {difference.found}, declared is {difference.declared}"
        yield Text(f"differs   {text}", style="red")
    if not topic.differences:
        yield Text("as declared", style="green")
    yield ""
    yield _partitions(topic.partitions)
    if topic.groups:
        yield ""
        yield lag_view.table(topic.groups, partitions=True)


def _partitions(partitions: tuple[PartitionBounds, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("partition", "first", "end", "messages"):
        table.add_column(name, justify="right")
    for bounds in partitions:
        numbers = (bounds.first, bounds.end, bounds.end - bounds.first)
        table.add_row(str(bounds.partition), *(f"{number:,}" for number in numbers))
    return table
