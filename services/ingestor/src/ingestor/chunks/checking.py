"""Check the rows of chunks in a thread, a few chunks ahead of the COPY that takes them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from ingestor.chunks.received import ReceivedChunk
from ingestor.chunks.rows import BadRow, find_bad_rows

# Enough rows for the columnar reader to be fast, few enough that Postgres never waits for the first of them.
CHUNKS_AT_A_TIME = 8


@dataclass(frozen=True)
class CheckedChunk:
    """A chunk and those of its rows that can't be stored, in order."""

    received: ReceivedChunk
    bad_rows: Sequence[BadRow]


async def check_ahead(chunks: Sequence[ReceivedChunk]) -> AsyncIterator[CheckedChunk]:
    """Give the chunks in order, checked; while the taker works on some, the next ones are checked beside it."""
    parts = [chunks[start : start + CHUNKS_AT_A_TIME] for start in range(0, len(chunks), CHUNKS_AT_A_TIME)]
    checks = [_start(part) for part in parts[:1]]
    try:
        for index, part in enumerate(parts):
            bad_rows = await checks[index]
            checks += [_start(following) for following in parts[index + 1 : index + 2]]
            for chunk, bad in zip(part, bad_rows, strict=True):
                yield CheckedChunk(chunk, bad)
    finally:
        # The taker may have given up; a thread can't be stopped, only waited for.
        await asyncio.gather(*checks, return_exceptions=True)


def _start(part: Sequence[ReceivedChunk]) -> "asyncio.Task[list[list[BadRow]]]":
    return asyncio.create_task(asyncio.to_thread(find_bad_rows, [chunk.payload for chunk in part]))
