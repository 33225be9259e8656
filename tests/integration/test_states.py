"""Every pair of a state and an event, by the real code on a real database: the table of states holds."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest
from ingestor.chunks import batch_store
from ingestor.chunks.outcome import BatchKey
from readmit_contracts.commands import StartIngestion
from readmit_contracts.states import BATCHES, RUNS, BatchEvent, BatchState, Machine, RunEvent, RunState
from readmit_contracts.topics import INGESTION_COMMANDS
from readmit_runtime.database import connect, create_pool
from readmit_runtime.settings import PostgresSettings
from support.state_rig import StateRig, outcome

Step = Callable[[StateRig], Awaitable[None]]


@pytest.fixture
async def rig(
    database_settings: PostgresSettings, service_database: Callable[[str], PostgresSettings], tmp_path: Path
) -> AsyncIterator[StateRig]:
    """Give both services, each in its own role, on an empty store."""
    admin = await connect(database_settings)
    producer = service_database("readmit_batch_producer")
    try:
        async with create_pool(producer) as pool:
            rig = StateRig(admin, pool, service_database("readmit_ingestor"), tmp_path)
            await rig.producer.empty()
            yield rig
    finally:
        await admin.close()


def pairs(machine: Machine) -> list[object]:
    """Give a parameter set for each entry of a machine, named by event and state."""
    return [
        pytest.param(state, event, id=f"{event.name.lower()}-{'none' if state is None else state}")
        for state, event in machine.entries
    ]


@pytest.mark.parametrize(("state", "event"), pairs(RUNS))
async def test_an_event_does_to_a_run_what_the_table_says(
    rig: StateRig, state: RunState | None, event: RunEvent
) -> None:
    """A run is acted on by two services and by people, late and twice; no order of events may surprise."""
    await RUN_BEFORE.get((state, event), RUN_IN[state])(rig)
    assert await rig.run_state() == state
    parked = len(await rig.refusals(INGESTION_COMMANDS.name))

    await TO_RUN[event](rig)

    refusals = (await rig.refusals(INGESTION_COMMANDS.name))[parked:]
    assert outcome(state, await rig.run_state(), refusals) == RUNS.after(state, event)


@pytest.mark.parametrize(("state", "event"), pairs(BATCHES))
async def test_an_event_does_to_a_batch_what_the_table_says(
    rig: StateRig, state: BatchState | None, event: BatchEvent
) -> None:
    """A batch belongs to no run, and any number of chunks, cleaners and runs may meet at it."""
    await BATCH_BEFORE.get((state, event), BATCH_IN[state])(rig)
    await ARRANGE.get(event, _nothing)(rig)
    assert await rig.batch_state() == state
    parked = len(await rig.refusals("readmit."))

    await TO_BATCH[event](rig)

    refusals = (await rig.refusals("readmit."))[parked:]
    assert outcome(state, await rig.batch_state(), refusals) == BATCHES.after(state, event)


async def _nothing(rig: StateRig) -> None:
    """Leave the store as it is."""


def _one_after_another(*steps: Step) -> Step:
    async def do(rig: StateRig) -> None:
        for step in steps:
            await step(rig)

    return do


async def _bring_in_all(rig: StateRig) -> None:
    await rig.deliver(*rig.chunks("train", "validation"))
    await rig.clean()


async def _refuse_the_start(rig: StateRig) -> None:
    await rig.command(StartIngestion(batches={"train": "all"}, dataset_sha256="0" * 64), rig.command_id)


async def _fail_for_bad_rows(rig: StateRig) -> None:
    rig.use_bad_rows()
    await rig.start()
    await rig.deliver(*rig.chunks("train"))


_streaming = _one_after_another(StateRig.start, StateRig.claim)
_failed = _one_after_another(_streaming, StateRig.fail)

RUN_IN: Mapping[RunState | None, Step] = {
    None: _nothing,
    RunState.PLANNED: StateRig.start,
    RunState.STREAMING: _streaming,
    RunState.COMPLETED: _one_after_another(StateRig.start, _bring_in_all),
    RunState.CANCELLED: _one_after_another(StateRig.start, StateRig.cancel),
    RunState.FAILED: _failed,
}

RUN_BEFORE: Mapping[tuple[RunState | None, RunEvent], Step] = {
    (None, RunEvent.ID_REUSED): _refuse_the_start,
    (None, RunEvent.BATCH_FAILED): StateRig.start_another,
    (None, RunEvent.BATCHES_CLEAN): StateRig.start_another,
    (None, RunEvent.COMMAND_REPEATED): StateRig.cancel,
    (RunState.PLANNED, RunEvent.COMMAND_REPEATED): _one_after_another(StateRig.start, StateRig.resume),
    (RunState.STREAMING, RunEvent.COMMAND_REPEATED): _one_after_another(_failed, StateRig.resume),
    (RunState.COMPLETED, RunEvent.COMMAND_REPEATED): _one_after_another(_failed, StateRig.resume, _bring_in_all),
    (RunState.FAILED, RunEvent.COMMAND_REPEATED): _one_after_another(
        _failed, StateRig.resume, StateRig.claim, StateRig.fail
    ),
    (RunState.FAILED, RunEvent.RESUMED_OVER_LIMIT): _fail_for_bad_rows,
}


async def _reuse_the_id(rig: StateRig) -> None:
    await rig.command(StartIngestion(batches={"train": "all"}), rig.command_id)


async def _say_all_was_sent(rig: StateRig) -> None:
    await rig.producer.streaming().finish(await rig.claimed())


async def _fail_a_batch(rig: StateRig) -> None:
    if await rig.run_state() != RunState.COMPLETED:
        await rig.deliver_conflict("validation")
        return
    # no event fails a clean batch, and a completed run has no others
    await rig.producer.fill("validation", 0, "failed")
    await batch_store.fail_runs(rig.admin, 1, [BatchKey(1, "validation", 0)])


async def _resume_over_limit(rig: StateRig) -> None:
    if await rig.run_state() != RunState.FAILED:
        # a batch over the limit has failed, and so has every active run that wants it
        await rig.producer.fill("train", 0, "failed", quarantined=300)
    await rig.resume()


async def _resume_after_reset(rig: StateRig) -> None:
    if await rig.run_state() in {RunState.PLANNED, RunState.STREAMING}:
        # the command is refused while a run is active
        await rig.by_hand("UPDATE ingest.store SET generation = generation + 1")
    else:
        await rig.reset()
    await rig.resume()


TO_RUN: Mapping[RunEvent, Step] = {
    RunEvent.STARTED: StateRig.start,
    RunEvent.ID_REUSED: _reuse_the_id,
    RunEvent.CLAIMED: StateRig.claim,
    RunEvent.SENT: _say_all_was_sent,
    RunEvent.SOURCE_FAULT: StateRig.fail,
    RunEvent.BATCH_FAILED: _fail_a_batch,
    RunEvent.BATCHES_CLEAN: _bring_in_all,
    RunEvent.CANCELLED: StateRig.cancel,
    RunEvent.RESUMED: StateRig.resume,
    RunEvent.RESUMED_OVER_LIMIT: _resume_over_limit,
    RunEvent.RESUMED_AFTER_RESET: _resume_after_reset,
    RunEvent.COMMAND_REPEATED: StateRig.repeat,
    RunEvent.STORE_RESET: StateRig.reset,
    RunEvent.CLEAN_REBUILT: StateRig.rebuild,
}


async def _bring_in_train(rig: StateRig) -> None:
    await rig.deliver(*rig.chunks("train"))


async def _conflict(rig: StateRig) -> None:
    await rig.deliver_conflict("train")


_conflicting = _one_after_another(StateRig.start, _conflict)

BATCH_IN: Mapping[BatchState | None, Step] = {
    None: _nothing,
    BatchState.PLANNED: StateRig.start,
    BatchState.STORED: _one_after_another(StateRig.start, _bring_in_train),
    BatchState.CLEAN: _one_after_another(StateRig.start, _bring_in_train, StateRig.clean),
    BatchState.FAILED: _conflicting,
}


def _with_bad_rows(before: Step) -> Step:
    async def do(rig: StateRig) -> None:
        rig.use_bad_rows()
        await before(rig)

    return do


def _full_with_bad_rows(state: BatchState) -> Step:
    async def do(rig: StateRig) -> None:
        # arranged by hand: such a batch fails instead of becoming full
        rig.use_bad_rows()
        await rig.start()
        await rig.producer.enter_ledger("train", 0, [0, 1])
        await rig.producer.fill("train", 0, state)

    return do


async def _failed_and_full(rig: StateRig) -> None:
    await _conflicting(rig)
    await _bring_in_train(rig)


async def _failed_in_an_active_run(rig: StateRig) -> None:
    # arranged by hand: the run fails with its batch
    await _conflicting(rig)
    await rig.by_hand("UPDATE ingest.runs SET state = 'streaming', finished_at = NULL, reason = NULL, detail = NULL")


BATCH_BEFORE: Mapping[tuple[BatchState | None, BatchEvent], Step] = {
    (None, BatchEvent.BAD_CHUNK): _with_bad_rows(_nothing),
    (BatchState.PLANNED, BatchEvent.BAD_CHUNK): _with_bad_rows(StateRig.start),
    (BatchState.STORED, BatchEvent.BAD_CHUNK): _full_with_bad_rows(BatchState.STORED),
    (BatchState.CLEAN, BatchEvent.BAD_CHUNK): _full_with_bad_rows(BatchState.CLEAN),
    (BatchState.FAILED, BatchEvent.BAD_CHUNK): _with_bad_rows(_conflicting),
    (BatchState.FAILED, BatchEvent.RUN_CANCELLED): _failed_in_an_active_run,
    (BatchState.FAILED, BatchEvent.RUN_RESUMED_FULL): _failed_and_full,
}


async def _send_a_chunk(rig: StateRig) -> None:
    await rig.deliver(rig.chunks("train")[0])


async def _put_rows_into_another_split(rig: StateRig) -> None:
    await rig.by_hand("INSERT INTO raw.test SELECT * FROM raw.train ORDER BY row_no LIMIT 10")


async def _fail_the_run(rig: StateRig) -> None:
    if await rig.run_state() == RunState.PLANNED:
        await rig.claim()
        await rig.fail()


async def _cancel_the_run(rig: StateRig) -> None:
    if await rig.run_state() == RunState.PLANNED:
        await rig.cancel()


async def _fail_validation_over_limit(rig: StateRig) -> None:
    await _fail_the_run(rig)
    await rig.producer.fill("validation", 0, "failed", quarantined=100)


async def _alter_raw_rows(rig: StateRig) -> None:
    await _send_a_chunk(rig)
    await rig.by_hand("UPDATE raw.train SET num_medications = 99")


ARRANGE: Mapping[BatchEvent, Step] = {
    BatchEvent.CHUNK_REPEATED: _send_a_chunk,
    BatchEvent.CLEANED_OVER_LIMIT: _put_rows_into_another_split,
    BatchEvent.RUN_RESUMED: _fail_the_run,
    BatchEvent.RUN_RESUMED_FULL: _fail_the_run,
    BatchEvent.RUN_RESUMED_OVER_LIMIT: _fail_validation_over_limit,
    BatchEvent.STORE_RESET: _cancel_the_run,
    BatchEvent.CLEAN_REBUILT_ALTERED: _alter_raw_rows,
}


async def _plan_another_run(rig: StateRig) -> None:
    await rig.command(StartIngestion(batches={"validation": "all"}, then="nothing"))


async def _send_the_last_chunk(rig: StateRig) -> None:
    await rig.deliver(rig.chunks("train")[-1])


async def _send_an_old_chunk(rig: StateRig) -> None:
    await rig.deliver(rig.chunks("train", generation=0)[0])


TO_BATCH: Mapping[BatchEvent, Step] = {
    BatchEvent.PLANNED: _plan_another_run,
    BatchEvent.CHUNK: _send_a_chunk,
    BatchEvent.LAST_CHUNK: _bring_in_train,
    BatchEvent.BAD_CHUNK: _send_the_last_chunk,
    BatchEvent.CHUNK_REPEATED: _send_a_chunk,
    BatchEvent.CHUNK_CONFLICT: _conflict,
    BatchEvent.CHUNK_OUTDATED: _send_an_old_chunk,
    BatchEvent.CLEANED: StateRig.clean,
    BatchEvent.CLEANED_OVER_LIMIT: StateRig.clean,
    BatchEvent.RUN_CANCELLED: StateRig.cancel,
    BatchEvent.RUN_RESUMED: StateRig.resume,
    BatchEvent.RUN_RESUMED_FULL: StateRig.resume,
    BatchEvent.RUN_RESUMED_OVER_LIMIT: StateRig.resume,
    BatchEvent.STORE_RESET: StateRig.reset,
    BatchEvent.CLEAN_REBUILT: StateRig.rebuild,
    BatchEvent.CLEAN_REBUILT_ALTERED: StateRig.rebuild,
}
