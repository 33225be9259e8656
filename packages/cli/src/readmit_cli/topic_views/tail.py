"""Choose which records of a topic are shown, in which order, and when to stop."""

from collections.abc import Callable
from dataclasses import dataclass

from readmit_runtime.messages import IncomingRecord
from readmit_runtime.topic_reader import READ_S, TopicReader

from readmit_cli.topic_views.message_view import printable

DEFAULT_LAST = 10
_SORTED_AT_ONCE = 5_000  # records held beyond the limit, so that a long topic does not fill the memory


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What to show. Without `from_beginning` the last `limit` messages, with it the first; None is all."""

    from_beginning: bool = False
    limit: int | None = None
    follow: bool = False
    key: str | None = None
    type: str | None = None

    def admits(self, record: IncomingRecord) -> bool:
        """Tell whether the record's key begins as wanted and its type, with or without its version, is the wanted."""
        if self.key is not None and not printable(record.key or b"").startswith(self.key):
            return False
        if self.type is None:
            return True
        found = next((value for name, value in record.headers if name == "ce_type"), b"").decode(errors="replace")
        return self.type in (found, found.removeprefix("readmit.").rpartition(".v")[0])


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
        if selection.from_beginning and selection.limit is not None:
            remaining = selection.limit - len(standing)
        while selection.follow and remaining != 0:
            for record in (await _admitted(reader, selection))[:remaining]:
                show(record)
                if remaining is not None:
                    remaining -= 1
    finally:
        await reader.stop()


async def _standing(reader: TopicReader, selection: Selection) -> list[IncomingRecord]:
    limit = selection.limit
    if limit is None and not selection.from_beginning:
        limit = DEFAULT_LAST
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
    return by_time[:limit] if selection.from_beginning else by_time[len(by_time) - limit :]
