"""Write events in the transaction that makes them true; a relay publishes them afterwards.

The table is `<schema>.outbox`. A transaction takes all its key locks before its first `add`: then the order of
`id` is, per key, the order of commits, and the relay keeps it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from readmit_runtime.database import Connection, in_schema
from readmit_runtime.dead_letters import PREFIX as DEAD_LETTER_PREFIX
from readmit_runtime.messages import Headers, OutgoingRecord

TIME_HEADER = "ce_time"

_ADD = """
    INSERT INTO {schema}.outbox (event_id, topic, key, value, header_names, header_values)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (event_id) DO NOTHING
"""
# Nothing may ask for ids above the last one seen: a transaction with a lower id can commit later. `$1` moves
# within one round only, and every round starts at the beginning.
_WAITING = """
    SELECT id, topic, key, value, header_names, header_values, created_at
    FROM {schema}.outbox
    WHERE published_at IS NULL AND id > $1
    ORDER BY id
    LIMIT $2
"""
_MARK = "UPDATE {schema}.outbox SET published_at = now() WHERE id = ANY($1::bigint[])"
_OLDEST = """
    SELECT coalesce(extract(epoch FROM clock_timestamp() - created_at), 0)::float8
    FROM {schema}.outbox
    WHERE published_at IS NULL
    ORDER BY id
    LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class WaitingRecord:
    """A record that is committed and not yet known to be published; `id` gives the order."""

    id: int
    record: OutgoingRecord


async def add(connection: Connection, schema: str, records: Sequence[tuple[UUID, OutgoingRecord]]) -> None:
    """Add events, in this order, to the caller's transaction; an event id that is there already is left alone.

    Call it last in the transaction, after every lock. The commit wakes the relay, in whatever process it leads.
    """
    rows = [
        (
            event_id,
            record.topic,
            record.key,
            record.value,
            # The broker takes a NUL in a name, Postgres does not: whoever sent it must not stop the parking.
            [name.replace("\0", "\N{REPLACEMENT CHARACTER}") for name, _ in record.headers],
            [value for _, value in record.headers],
        )
        for event_id, record in records
    ]
    if rows:
        await connection.executemany(in_schema(_ADD, schema), rows)
        await connection.execute(f"NOTIFY {channel(schema)}")


async def waiting(connection: Connection, schema: str, *, after: int, limit: int) -> list[WaitingRecord]:
    """Return up to `limit` unpublished records with an id above `after`, lowest id first.

    An event gets the time of its transaction here, as `ce_time`: the same however often it is published. Dead
    letters stay as they came.
    """
    rows = await connection.fetch(in_schema(_WAITING, schema), after, limit)
    return [
        WaitingRecord(
            row["id"],
            OutgoingRecord(
                topic=row["topic"],
                key=row["key"],
                value=row["value"],
                headers=_timed(zip(row["header_names"], row["header_values"], strict=True), row["created_at"]),
            ),
        )
        for row in rows
    ]


def _timed(headers: Iterable[tuple[str, bytes]], moment: datetime) -> Headers:
    given = tuple(headers)
    if any(name == TIME_HEADER or name.startswith(DEAD_LETTER_PREFIX) for name, _ in given):
        return given
    return (*given, (TIME_HEADER, moment.isoformat().encode()))


def channel(schema: str) -> str:
    """Return the channel on which a commit that added events tells the relay."""
    return in_schema("{schema}_outbox", schema)


async def mark_published(connection: Connection, schema: str, ids: Sequence[int]) -> None:
    """Record that the broker has these records; they are not read again."""
    if ids:
        await connection.execute(in_schema(_MARK, schema), list(ids))


async def oldest_age_s(connection: Connection, schema: str) -> float:
    """Return for how many seconds the first unpublished record has waited, 0 when none waits."""
    age = await connection.fetchval(in_schema(_OLDEST, schema))
    return 0.0 if age is None else float(age)
