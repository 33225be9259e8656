"""Handle one group of records: read it, store it, tell what became of it."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import structlog
from readmit_contracts.envelope import traceparent_of
from readmit_contracts.source import Split
from readmit_contracts.topics import BATCHES
from readmit_runtime import tracing
from readmit_runtime.database import Pool, transient_errors
from readmit_runtime.dead_letters import DeadLetterLimit
from readmit_runtime.messages import IncomingRecord

from ingestor.chunks.outcome import GroupOutcome
from ingestor.chunks.received import ReceivedChunk, receive
from ingestor.chunks.store import store_group
from ingestor.parked import ParkedRecord

log = structlog.get_logger(__name__)

SPLIT_OF_TOPIC: Mapping[str, Split] = {topic.name: split for split, topic in BATCHES.items()}


class ChunkHandler:
    """The handler of the three batch topics.

    `on_stored` is told what became of a group after its commit, and the seconds that its transaction took.
    """

    def __init__(self, pool: Pool, limit: DeadLetterLimit, *, on_stored: Callable[[GroupOutcome, float], None]) -> None:
        self._pool = pool
        self._limit = limit
        self._on_stored = on_stored

    async def __call__(self, records: Sequence[IncomingRecord]) -> None:
        """Store the group; raises Transient when it has to come again, TooManyDeadLetters when a person must look.

        Its span is of the first chunk's trace, and linked to the other chunks.
        """
        parents = [found for record in records if (found := traceparent_of(record.headers)) is not None]
        with tracing.span(
            "ingest.transaction",
            parent=next(iter(parents), None),
            links=parents[1:],
            kind="consumer",
            attributes={"readmit.chunks": len(records)},
        ):
            await self._store(records)

    async def _store(self, records: Sequence[IncomingRecord]) -> None:
        chunks, unreadable = await asyncio.to_thread(read, records)
        with transient_errors():
            async with self._pool.acquire() as connection:
                began = time.monotonic()
                outcome = await store_group(connection, chunks, unreadable, self._limit)
                seconds = time.monotonic() - began
        log.info(
            "group_stored",
            chunks=outcome.chunks_stored,
            repeated=outcome.chunks_repeated,
            outdated=outcome.chunks_outdated,
            parked=len(outcome.parked),
            rows=outcome.rows("stored"),
            duplicate=outcome.rows("duplicate"),
            quarantined=outcome.rows("quarantined"),
        )
        self._on_stored(outcome, seconds)


def read(records: Sequence[IncomingRecord]) -> tuple[list[ReceivedChunk], list[ParkedRecord]]:
    """Give the records that are chunks, and those that can't be used."""
    received = [receive(record, SPLIT_OF_TOPIC[record.topic]) for record in records]
    chunks = [chunk for chunk in received if not isinstance(chunk, ParkedRecord)]
    return chunks, [parked for parked in received if isinstance(parked, ParkedRecord)]
