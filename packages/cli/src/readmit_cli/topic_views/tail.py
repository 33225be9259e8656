"""Choose which records of a topic are shown, in which order, and when to stop."""

from collections.abc import Callable
from dataclasses import dataclass

from readmit_contracts import ids
from readmit_contracts.commands import StartIngestion
from readmit_contracts.topics import Topic
from readmit_runtime.errors import Rejected
from readmit_runtime.messages import IncomingRecord, incoming
from readmit_runtime.topic_reader import READ_S, FromOffset, LastOffsets, Since, Start, TopicReader

from readmit_cli.topic_views.message_view import printable

DEFAULT_LAST = 10
_SORTED_AT_ONCE = 5_000  # records held beyond the limit, so that a long topic does not fill the memory


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What to show: of all, those since a moment or those from an offset on; else the last `limit`.

    `limit` counts from the beginning or from that offset, in all other cases from the end; None is all, and without
    any beginning `DEFAULT_LAST`.
    """

    from_beginning: bool = False
    since_ms: int | None = None
    from_offset: FromOffset | None = None
    limit: int | None = None
    follow: bool = False
    key: str | None = None
    type: str | None = None
    run: str | None = None

    @property
    def forward(self) -> bool:
        """Whether the first are shown rather than the last."""
        return self.from_beginning or self.from_offset is not None

    @property
    def most(self) -> int | None:
        """How many are shown of what stands in the topic."""
        begins = self.forward or self.since_ms is not None
        return self.limit if begins or self.limit is not None else DEFAULT_LAST

    def start(self, topic: Topic) -> Start | None:
        """Return where reading has to begin for this."""
        if self.from_offset is not None:
            return self.from_offset
        if self.since_ms is not None:
            return Since(self.since_ms)
        chosen = self.key is not None or self.type is not None or self.run is not None
        if self.from_beginning or self.most is None or chosen or topic.cleanup == "compact":
            return None
        return LastOffsets(self.most)

    def admits(self, record: IncomingRecord) -> bool:
        """Tell whether a record is wanted: by place, time, key's beginning, type with or without version, and run."""
        if self.from_offset is not None and record.partition != self.from_offset.partition:
            return False
        if self.since_ms is not None and record.timestamp_ms < self.since_ms:
            return False
        if self.key is not None and not printable(record.key or b"").startswith(self.key):
            return False
        found = next((value for name, value in record.headers if name == "ce_type"), b"").decode(errors="replace")
        if self.type not in (None, found, found.removeprefix("readmit.").rpartition(".v")[0]):
            return False
        return self.run is None or _run_of(record).startswith(self.run)


async def tail(reader: TopicReader, selection: Selection, show: Callable[[IncomingRecord], None]) -> None:
    """Show the chosen records and stop the reader at the end; raises Transient.

    What stands in the topic at the start is shown by time over all partitions, what comes after it as it comes.
    """
    try:
        await reader.start()
        standing = await _standing(reader, selection)
        for record in standing:
            show(record)
        remaining = None
        if selection.forward and selection.limit is not None:
            remaining = selection.limit - len(standing)
        while selection.follow and remaining != 0:
            for record in (await _admitted(reader, selection))[:remaining]:
                show(record)
                if remaining is not None:
                    remaining -= 1
    finally:
        await reader.stop()


async def _standing(reader: TopicReader, selection: Selection) -> list[IncomingRecord]:
    limit = selection.most
    standing: list[IncomingRecord] = []
    while not reader.caught_up:
        standing += await _admitted(reader, selection)
        if limit is not None and len(standing) > limit + _SORTED_AT_ONCE:
            standing = _cut(standing, limit, selection)
    return _cut(standing, limit, selection)


async def _admitted(reader: TopicReader, selection: Selection) -> list[IncomingRecord]:
    return [record for record in await reader.read(READ_S) if selection.admits(record)]


def _cut(records: list[IncomingRecord], limit: int | None, selection: Selection) -> list[IncomingRecord]:
    by_time = sorted(records, key=lambda record: (record.timestamp_ms, record.partition, record.offset))
    if limit is None or len(by_time) <= limit:
        return by_time
    return by_time[:limit] if selection.forward else by_time[len(by_time) - limit :]


def _run_of(record: IncomingRecord) -> str:
    """Return the id of the run that a message is of, or asks for; empty where it is of none, as chunks are."""
    try:
        envelope, message = incoming(record)
    except Rejected:
        return ""
    if isinstance(message, StartIngestion):
        return str(ids.run_id(envelope.id))
    return str(getattr(message, "run_id", ""))
