"""List what stands in the dead letter topics: why, by whom, and where it came from."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from readmit_contracts.topics import Topic, dead_letter
from readmit_runtime.kafka_topic_reader import KafkaTopicReader
from readmit_runtime.messages import IncomingRecord
from readmit_runtime.settings import KafkaSettings
from readmit_runtime.topic_admin import TopicAdmin
from readmit_runtime.topic_reader import FromOffset, LastOffsets, read_to_end
from rich.table import Table
from rich.text import Text

from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.sessions import CLIENT_ID
from readmit_cli.topic_views.message_view import MessageView, view

READ_LIMIT_S = 30.0


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One parked message; `origin` is where it stood, `topic`, `partition` and `offset` where it stands now.

    `row_no` is the row's number in its dataset where a single row was parked.
    """

    topic: str
    partition: int
    offset: int
    parked_at: datetime
    reason: str | None
    detail: str | None
    consumer: str | None
    origin: str | None
    type: str | None
    key: str | None
    row_no: str | None


async def parked_in(topics: Sequence[Topic], limit: int, kafka: KafkaSettings) -> list[DeadLetter]:
    """Return the last `limit` dead letters of these topics together, oldest first; raises Transient."""
    async with TopicAdmin.connect(kafka, client_id=CLIENT_ID) as admin:
        bounds = await admin.offsets([dead_letter(topic).name for topic in topics])
    letters: list[DeadLetter] = []
    for name in sorted({bound.partition.topic for bound in bounds if bound.end > bound.first}):
        reader = KafkaTopicReader(kafka, name, client_id=CLIENT_ID, start=LastOffsets(limit))
        letters += [letter(record) for record in await read_to_end(reader, limit_s=READ_LIMIT_S)]
    letters.sort(key=lambda found: (found.parked_at, found.topic, found.partition, found.offset))
    return letters[-limit:]


async def parked_at(topic: Topic, place: FromOffset, kafka: KafkaSettings) -> IncomingRecord:
    """Return one dead letter by the place where it stands; raises Transient, or CommandFailed when none does."""
    name = dead_letter(topic).name
    reader = KafkaTopicReader(kafka, name, client_id=CLIENT_ID, start=place)
    for record in await read_to_end(reader, limit_s=READ_LIMIT_S):
        if (record.partition, record.offset) == (place.partition, place.offset):
            return record
    problem = f"Nothing stands at {place.partition}@{place.offset} of {name}; `readmit topics dead-letters list` does."
    raise CommandFailed(problem, code=ExitCode.USAGE)


def letter(record: IncomingRecord) -> DeadLetter:
    """Return what is told of a parked message in a list: nothing of its content."""
    shown: MessageView = view(record, values=False)
    why = shown.parked or {}
    origin = f"{why['topic']} {why.get('partition')}@{why.get('offset')}" if "topic" in why else None
    return DeadLetter(
        topic=shown.topic,
        partition=shown.partition,
        offset=shown.offset,
        parked_at=shown.time,
        reason=why.get("reason"),
        detail=why.get("detail"),
        consumer=why.get("consumer"),
        origin=origin,
        type=shown.type,
        key=shown.key,
        row_no=str(shown.chunk["row_no"]) if shown.chunk and "row_no" in shown.chunk else None,
    )


def table(letters: Sequence[DeadLetter]) -> Table:
    """Return the table of dead letters."""
    found = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("parked", "at", "reason", "by", "from", "detail"):
        found.add_column(name, no_wrap=name != "detail")
    for one in letters:
        found.add_row(
            f"{one.parked_at:%Y-%m-%d %H:%M:%S}",
            f"{one.topic} {one.partition}@{one.offset}",
            Text(one.reason or "", style="red"),
            one.consumer,
            one.origin,
            one.detail,
        )
    return found
