"""Say how far groups are behind, topic by topic."""

from collections.abc import Iterable, Sequence

import msgspec
from readmit_runtime.group_lag import GroupLag, LagReport, PartitionLag, oldest_age_s
from rich.table import Table
from rich.text import Text

from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


class PartitionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A group in one partition; `committed` is None before its first commit there."""

    partition: int
    committed: int | None
    end: int
    waiting: int
    age_s: float | None


class LagRow(msgspec.Struct, frozen=True, kw_only=True):
    """A group in one topic: messages that wait in all partitions, and the age of the oldest in seconds, or None."""

    group: str
    state: str
    members: int
    topic: str
    waiting: int
    age_s: float | None
    partitions: tuple[PartitionRow, ...]


def rows(report: LagReport, *, group: str | None = None, topic: str | None = None) -> list[LagRow]:
    """Return a row for each group and topic that it reads; raises CommandFailed when there is no such group."""
    names = [found.group for found in report.groups]
    if group is not None and group not in names:
        known = f"there are: {', '.join(names)}" if names else "there is none yet"
        raise CommandFailed(f"No group {group} reads these topics; {known}.", code=ExitCode.USAGE)
    return [
        row
        for found in report.groups
        if group in (None, found.group)
        for row in _rows_of(found)
        if topic in (None, row.topic)
    ]


def _rows_of(group: GroupLag) -> Iterable[LagRow]:
    topics = sorted({lag.partition.topic for lag in group.partitions})
    for topic in topics:
        lags = [lag for lag in group.partitions if lag.partition.topic == topic]
        yield LagRow(
            group=group.group,
            state=group.state,
            members=group.members,
            topic=topic,
            waiting=sum(lag.waiting for lag in lags),
            age_s=told(oldest_age_s(lags)),
            partitions=tuple(_partition(lag) for lag in lags),
        )


def _partition(lag: PartitionLag) -> PartitionRow:
    return PartitionRow(
        partition=lag.partition.number,
        committed=lag.committed,
        end=lag.end,
        waiting=lag.waiting,
        age_s=told(lag.age_s),
    )


def table(shown: Sequence[LagRow], *, partitions: bool = False) -> Table:
    """Return the table; with `partitions` a line for each of them too."""
    found = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("group", "topic"):
        found.add_column(name, no_wrap=True)
    for name in ("members", "messages", "oldest"):
        found.add_column(name, justify="right")
    found.add_column("state")
    for row in shown:
        members = Text(str(row.members), style="" if row.members else "red")
        found.add_row(row.group, row.topic, members, _count(row.waiting), duration(row.age_s), row.state)
        for part in row.partitions if partitions else ():
            committed = "never committed" if part.committed is None else f"at {part.committed:,} of {part.end:,}"
            found.add_row("", f"  {part.partition}: {committed}", "", _count(part.waiting), duration(part.age_s), "")
    return found


def groups_table(shown: Sequence[LagRow]) -> Table:
    """Return a line for each group, all its topics together, and the topics in which it is behind; 80 columns do."""
    found = Table(box=None, pad_edge=False, header_style="bold")
    found.add_column("group", no_wrap=True)
    for name in ("members", "messages", "oldest"):
        found.add_column(name, justify="right", no_wrap=True)
    for name in ("state", "behind in"):
        found.add_column(name)
    for name in dict.fromkeys(row.group for row in shown):
        own = [row for row in shown if row.group == name]
        members = own[0].members
        found.add_row(
            name,
            Text(str(members), style="" if members else "red"),
            _count(sum(row.waiting for row in own)),
            duration(_oldest(own)),
            own[0].state,
            ", ".join(row.topic.removeprefix("readmit.") for row in own if row.waiting),
        )
    return found


def told(age_s: float | None) -> float | None:
    """Return an age as it is told, to the millisecond."""
    return None if age_s is None else round(age_s, 3)


def duration(seconds: float | None) -> str:
    """Return a duration in the unit that fits; nothing for none, a question mark for one that is unknown."""
    if seconds is None:
        return "?"
    if seconds <= 0:
        return ""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.0f} h" if seconds < 2 * _DAY else f"{seconds / _DAY:.0f} days"


def _oldest(rows: Sequence[LagRow]) -> float | None:
    ages = [row.age_s for row in rows]
    known = [age_s for age_s in ages if age_s is not None]
    return max(known) if len(known) == len(ages) else None


def _count(waiting: int) -> Text:
    return Text(f"{waiting:,}", style="yellow" if waiting else "dim")
