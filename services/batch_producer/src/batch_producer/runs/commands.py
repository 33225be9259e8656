"""Do what commands ask of runs and of the store: cancel, resume, reset."""

from readmit_contracts.batches import QUARANTINE_LIMIT_PERCENT, over_quarantine_limit
from readmit_contracts.commands import CancelIngestion, ResetStore, ResumeIngestion
from readmit_contracts.envelope import Envelope
from readmit_contracts.reasons import Reason
from readmit_runtime import outbox
from readmit_runtime.commands import Outcome
from readmit_runtime.database import Connection
from readmit_runtime.errors import Rejected

from batch_producer import announcements, generation_store
from batch_producer.announcements import Row
from batch_producer.generation_store import SCHEMA
from batch_producer.runs import endings_store, store


async def cancel(connection: Connection, envelope: Envelope, command: CancelIngestion) -> Outcome:
    """End a run's streaming; its batches stay as they are. Raises Rejected for an unknown or ended run."""
    generation = await store.cancel(connection, command.run_id, command.reason)
    if generation is None:
        run = await store.find(connection, command.run_id)
        raise _refusal(run, "only a planned or streaming run can be cancelled")
    event = announcements.ingestion_cancelled(command, command_id=envelope.id, generation=generation)
    await outbox.add(connection, SCHEMA, [event])
    return Outcome(outcome="applied", subject=str(command.run_id))


async def resume(connection: Connection, envelope: Envelope, command: ResumeIngestion) -> Outcome:
    """Take up a failed run again: its failed batches are planned anew, or stored where nothing is missing.

    Raises Rejected for a run that is unknown, not failed or of an earlier generation, and while one of its failed
    batches is over the quarantine limit.
    """
    # The store's lock keeps the ingestors away: what is read below stays as it is.
    current = await generation_store.lock(connection)
    run = await store.find(connection, command.run_id)
    if run is None or run["state"] != "failed":
        raise _refusal(run, "only a failed run can be resumed")
    if run["generation"] != current:
        raise Rejected(Reason.STORE_RESET, "The store was reset since the run failed; start a new run.")
    batches = await store.lock_failed_batches(connection, command.run_id)
    for batch in batches:
        _refuse_over_limit(batch)
    stored = [batch for batch in batches if await store.reopen_batch(connection, batch) == "stored"]
    await store.reopen_run(connection, command.run_id)
    endings = await endings_store.end_runs(connection, [command.run_id])
    events = [announcements.batch_stored(batch, command_id=envelope.id) for batch in stored]
    await outbox.add(connection, SCHEMA, [*events, *endings])
    return Outcome(outcome="applied" if endings else "accepted", subject=str(command.run_id))


async def reset(connection: Connection, envelope: Envelope, command: ResetStore) -> Outcome:
    """Empty the store and plan every batch anew for its next generation; raises Rejected while a run is active."""
    await generation_store.lock(connection)
    active = await store.active_runs(connection)
    if active:
        raise Rejected(
            Reason.STORE_BUSY, f"{active} runs are planned or streaming; wait for their end or cancel them first."
        )
    await store.empty(connection)
    generation = await generation_store.advance(connection)
    await generation_store.plan_batches(connection, generation)
    event = announcements.store_reset(command, command_id=envelope.id, generation=generation)
    await outbox.add(connection, SCHEMA, [event])
    return Outcome(outcome="applied", subject=str(generation))


def _refusal(run: Row | None, rule: str) -> Rejected:
    if run is None:
        return Rejected(Reason.UNKNOWN_RUN, "There is no run of this id; list the runs to find it.")
    return Rejected(Reason.RUN_STATE, f"The run is {run['state']}; {rule}.")


def _refuse_over_limit(batch: Row) -> None:
    if over_quarantine_limit(quarantined=batch["quarantined"], planned=batch["planned_rows"]):
        raise Rejected(
            Reason.QUARANTINE_LIMIT,
            f"{batch['quarantined']} of the {batch['planned_rows']} rows of batch {batch['batch']} of "
            f"{batch['split']} are in quarantine, above the limit of {QUARANTINE_LIMIT_PERCENT} %; decide on them "
            "first.",
        )
