"""Every pair of a training job's state and an event, by the trainer's code on a real database."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest
from readmit_contracts.states import JOBS, JobEvent, JobState
from readmit_runtime.database import connect, create_pool
from readmit_runtime.settings import PostgresSettings
from support.job_rig import JobRig, batch
from support.state_rig import outcome

Step = Callable[[JobRig], Awaitable[None]]


@pytest.fixture
async def rig(
    database_settings: PostgresSettings, service_database: Callable[[str], PostgresSettings], tmp_path: Path
) -> AsyncIterator[JobRig]:
    """Give the trainer, in its own role, without a job."""
    admin = await connect(database_settings)
    try:
        async with create_pool(service_database("readmit_trainer")) as pool:
            rig = JobRig(admin, pool, tmp_path)
            await rig.empty()
            yield rig
    finally:
        await admin.close()


@pytest.mark.parametrize(
    ("state", "event"),
    [
        pytest.param(state, event, id=f"{event.name.lower()}-{'none' if state is None else state}")
        for state, event in JOBS.entries
    ],
)
async def test_an_event_does_to_a_job_what_the_table_says(rig: JobRig, state: JobState | None, event: JobEvent) -> None:
    """Runs, commands, workers and resets meet at a job in any order; one model comes of it, or a reason."""
    if event is JobEvent.ASKED_WITHOUT_ROWS:
        await _without_validation_rows(rig, state)
    else:
        await JOB_IN[state](rig)
    if (state, event) == (None, JobEvent.COMMAND_REPEATED):
        await rig.ask(then="nothing")
    assert await rig.state() == state
    parked = len(await rig.refusals())

    await TO_JOB[event](rig)

    assert outcome(state, await rig.state(), (await rig.refusals())[parked:]) == JOBS.after(state, event)


async def _no_job(rig: JobRig) -> None:
    """Leave the database as it is."""


async def _running(rig: JobRig) -> None:
    await rig.ask()
    await rig.claim()


async def _done(rig: JobRig) -> None:
    await _running(rig)
    await rig.finish()


async def _failed(rig: JobRig) -> None:
    await _running(rig)
    await rig.fail()


async def _cancelled(rig: JobRig) -> None:
    await rig.ask()
    asked = rig.last
    await rig.cancel()
    rig.last = asked


async def _without_validation_rows(rig: JobRig, state: JobState | None) -> None:
    # such a job fails at once; the other states are arranged by hand
    rig.training_set = (batch("train"),)
    if state is not None:
        await rig.ask()
        await rig.put_into(state)


async def _let_the_lease_run_out(rig: JobRig) -> None:
    await rig.expire()
    await rig.claim()


async def _speak_late(rig: JobRig) -> None:
    await rig.finish(attempts_ago=1)
    await rig.fail(attempts_ago=1)


async def _ask_after_a_reset(rig: JobRig) -> None:
    await rig.ask(generation=2)


JOB_IN: Mapping[JobState | None, Step] = {
    None: _no_job,
    JobState.WAITING: JobRig.ask,
    JobState.RUNNING: _running,
    JobState.DONE: _done,
    JobState.FAILED: _failed,
    JobState.CANCELLED: _cancelled,
}

TO_JOB: Mapping[JobEvent, Step] = {
    JobEvent.ASKED: JobRig.ask,
    JobEvent.ASKED_AFTER_RESET: _ask_after_a_reset,
    JobEvent.ASKED_WITHOUT_ROWS: JobRig.ask,
    JobEvent.COMMAND_REPEATED: JobRig.repeat,
    JobEvent.CLAIMED: JobRig.claim,
    JobEvent.LEASE_EXPIRED: _let_the_lease_run_out,
    JobEvent.TRIES_EXHAUSTED: JobRig.try_once_more_than_allowed,
    JobEvent.GIVEN_BACK: JobRig.give_back,
    JobEvent.FINISHED: JobRig.finish,
    JobEvent.FAILED: JobRig.fail,
    JobEvent.LATE_WORKER: _speak_late,
    JobEvent.CANCELLED: JobRig.cancel,
    JobEvent.STORE_RESET: JobRig.reset,
}
