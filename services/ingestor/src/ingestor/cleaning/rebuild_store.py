"""Derive the clean tables of the whole store anew, in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from readmit_runtime.database import Connection

from ingestor.chunks.outcome import BatchKey
from ingestor.cleaning import clean_store


@dataclass(frozen=True)
class RebuiltStore:
    """What a rebuild found and did: the generation, its clean batches, their rows, batches whose raw rows changed."""

    generation: int
    batches: int
    rows: int
    altered: Sequence[BatchKey]


async def rebuild(connection: Connection) -> RebuiltStore:
    """Empty the clean tables and fill them from the raw rows of every clean batch, as far as its hash is on record.

    When any was altered the caller has to roll back: its rows are not there. Batches keep their states and hashes. No
    lock on them is needed: a batch becomes clean, or stops being it, in a turn or by a reset alone.

    No statement touches more than one batch's rows of 15,000 but for the three that empty, which take no longer than
    a COPY of the same rows; so the pool's limit for one statement holds here, too.
    """
    generation = await clean_store.wait_for_turn(connection)
    clean = await connection.fetch(
        """
        SELECT dataset_no, split, batch, sha256 FROM ingest.batches
        WHERE generation = $1 AND state = 'clean' ORDER BY dataset_no, split, batch
        """,
        generation,
    )
    # All of it before any is filled: a row that no batch accounts for may hold the encounter of one that is to come.
    await clean_store.clear_all(connection)
    rows, altered = 0, []
    for *key, sha256 in clean:
        batch = BatchKey(*key)
        derived = await clean_store.derive(connection, batch, expected=sha256)
        rows += derived.rows
        if derived.sha256 != sha256:
            altered.append(batch)
    return RebuiltStore(generation, batches=len(clean), rows=rows, altered=altered)
