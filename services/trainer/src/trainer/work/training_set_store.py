"""Read exactly a training set's rows from the clean tables, in one snapshot, and prove that they are the ones meant."""

import asyncio
from pathlib import Path

import msgspec
from readmit_contracts.batches import BatchRef
from readmit_contracts.reasons import Reason
from readmit_contracts.source import BATCH_ROWS, SPLITS
from readmit_contracts.tables import CLEAN_COLUMNS
from readmit_runtime.database import Connection, Pool, transient_errors
from readmit_runtime.errors import Rejected

from trainer.frame import FrameWriter
from trainer.work.store import ClaimedJob


async def write_frame(pool: Pool, job: ClaimedJob, path: Path) -> None:
    """Write the job's rows as a frame, by split, dataset and row number.

    Raises Rejected(DATASET_CHANGED) when the store no longer holds the batches that the job names, and Transient.
    """
    with transient_errors():
        async with (
            pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await _check(connection, job)
            with FrameWriter(path) as writer:
                for ref in _in_order(job.training_set):
                    rows = await _rows(connection, ref)
                    await asyncio.to_thread(writer.add, ref.split, rows)


async def _check(connection: Connection, job: ClaimedJob) -> None:
    row = await connection.fetchrow(
        """
        SELECT s.generation, coalesce(jsonb_agg(b.ref) FILTER (WHERE b.ref IS NOT NULL), '[]') AS refs
        FROM ingest.store s
        LEFT JOIN ingest.batch_refs b ON b.generation = s.generation AND b.state = 'clean'
        GROUP BY s.generation
        """
    )
    if row is None:
        raise LookupError("ingest.store has no row; run the migrations")
    if row["generation"] != job.generation:
        raise _changed(f"The store was reset since the job was asked for (generation {row['generation']})")
    clean = set(msgspec.json.decode(row["refs"], type=list[BatchRef]))
    for ref in job.training_set:
        if ref not in clean:
            raise _changed(f"Batch {ref.batch} of {ref.split} is not clean with the content that the job names")


async def _rows(connection: Connection, ref: BatchRef) -> list[tuple[object, ...]]:
    first = ref.batch * BATCH_ROWS
    rows = await connection.fetch(
        f"""
        SELECT {", ".join(CLEAN_COLUMNS)} FROM clean.{ref.split}
        WHERE dataset_no = $1 AND row_no BETWEEN $2 AND $3 ORDER BY row_no
        """,  # noqa: S608 - the split is one of three literals, the columns are ours
        ref.dataset_no,
        first,
        first + BATCH_ROWS - 1,
    )
    if len(rows) != ref.rows:
        raise _changed(f"Batch {ref.batch} of {ref.split} has {len(rows)} clean rows instead of {ref.rows}")
    return [tuple(row) for row in rows]


def _in_order(training_set: tuple[BatchRef, ...]) -> list[BatchRef]:
    return sorted(training_set, key=lambda ref: (SPLITS.index(ref.split), ref.dataset_no, ref.batch))


def _changed(what: str) -> Rejected:
    return Rejected(Reason.DATASET_CHANGED, f"{what}; train again on what the store holds now.")
