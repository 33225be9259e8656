"""Do what a RebuildClean asks."""

from collections.abc import Sequence

from readmit_contracts.commands import RebuildClean
from readmit_contracts.envelope import Envelope
from readmit_contracts.reasons import Reason
from readmit_runtime.commands import Outcome
from readmit_runtime.database import Connection
from readmit_runtime.errors import Rejected

from ingestor.chunks.outcome import BatchKey
from ingestor.cleaning.rebuild_store import rebuild

_NAMED = 5


async def rebuild_clean(connection: Connection, _envelope: Envelope, command: RebuildClean) -> Outcome:
    """Derive the clean tables anew; raises Rejected when raw rows of a clean batch are not those of its hash."""
    done = await rebuild(connection)
    if done.altered:
        raise Rejected(
            Reason.DATASET_CHANGED,
            f"The raw rows of {_named(done.altered)} were altered since the batch was cleaned; nothing was changed. "
            "`readmit ingest verify RUN` names each such row. Put them back as in the file, or reset the store and "
            "bring its batches in again.",
        )
    return Outcome(
        outcome="applied",
        subject=str(done.generation),
        detail=f"{done.batches:,} batches, {done.rows:,} rows derived anew; for {command.actor}: {command.reason}",
    )


def _named(batches: Sequence[BatchKey]) -> str:
    shown = [f"batch {key.batch} of {key.split} (dataset {key.dataset_no})" for key in batches[:_NAMED]]
    more = len(batches) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
