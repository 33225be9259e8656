"""What commands do to runs and to the store: cancel, resume, reset."""

import asyncio
from uuid import UUID, uuid4

import pytest
from readmit_contracts.commands import CancelIngestion, Message, ResetStore, ResumeIngestion, StartIngestion
from readmit_contracts.events import (
    BatchStored,
    IngestionCancelled,
    IngestionCompleted,
    IngestionFailed,
    IngestionPlanned,
    StoreReset,
)
from readmit_contracts.reasons import Reason
from support.batch_producer_rig import Rig
from support.command_records import command_record

RESET = ResetStore(reason="a test", actor="tester")


async def test_cancel_ends_a_run_and_leaves_its_batches(rig: Rig) -> None:
    """Work that is done stays done; any later run goes on from there."""
    run_id = await rig.start(train="all")
    other = await rig.start(train=(0,))
    await rig.fill("train", 0, "stored")

    done = await rig.do(CancelIngestion(run_id=run_id, reason="not needed"))

    run = await rig.run(run_id)
    assert (done["outcome"], done["subject"]) == ("applied", str(run_id))
    assert (run["state"], run["reason"], run["detail"]) == ("cancelled", Reason.CANCELLED, "not needed")
    assert (await rig.run(other))["state"] == "planned"
    assert await rig.admin.fetchval("SELECT state FROM ingest.batches WHERE split = 'train' AND batch = 0") == "stored"
    assert [event.run_id for event in await rig.events(IngestionCancelled)] == [run_id]


@pytest.mark.parametrize("command_type", [CancelIngestion, ResumeIngestion])
async def test_an_unknown_run_is_refused(rig: Rig, command_type: type[Message]) -> None:
    """A mistyped id must not look like success."""
    done = await rig.do(_about(command_type, uuid4()))

    assert (done["outcome"], done["reason"]) == ("rejected", Reason.UNKNOWN_RUN)


@pytest.mark.parametrize("state", ["completed", "cancelled", "failed"])
async def test_a_run_that_has_ended_cannot_be_cancelled(rig: Rig, state: str) -> None:
    """An end is final for whoever acted on it; only a failed run goes on, by a resume."""
    run_id = await rig.start(train=(0,))
    await _end(rig, run_id, state)

    done = await rig.do(CancelIngestion(run_id=run_id, reason="late"))

    assert (done["outcome"], done["reason"]) == ("rejected", Reason.RUN_STATE)
    assert (await rig.run(run_id))["state"] == state


@pytest.mark.parametrize("state", ["planned", "streaming", "completed", "cancelled"])
async def test_only_a_failed_run_can_be_resumed(rig: Rig, state: str) -> None:
    """A late resume must not wake what was cancelled or is done."""
    run_id = await rig.start(train=(0,))
    await _end(rig, run_id, state)

    done = await rig.do(ResumeIngestion(run_id=run_id))

    assert (done["outcome"], done["reason"]) == ("rejected", Reason.RUN_STATE)
    assert (await rig.run(run_id))["state"] == state


async def test_resume_plans_the_failed_batches_again(rig: Rig) -> None:
    """The worker then sends what has no ledger row, and the rows that have one count."""
    run_id = await rig.start(train=(0, 1))
    await _fail_batch(rig, run_id, "train", 0, published=500, quarantined=5)

    done = await rig.do(ResumeIngestion(run_id=run_id))

    run = await rig.run(run_id)
    batch = await rig.admin.fetchrow("SELECT * FROM ingest.batches WHERE split = 'train' AND batch = 0")
    assert (done["outcome"], run["state"]) == ("accepted", "streaming")
    assert (run["sent_at"], run["finished_at"], run["reason"], run["lease_until"]) == (None, None, None, None)
    assert (batch["state"], batch["published"], batch["failed_reason"]) == ("planned", 500, None)


async def test_resume_makes_a_full_batch_stored_and_says_so(rig: Rig) -> None:
    """All of it is there already; nothing would ever arrive to trigger the next step."""
    run_id = await rig.start(validation="all")
    await _fail_batch(rig, run_id, "validation", 0, published=1_200, quarantined=12)

    await rig.do(ResumeIngestion(run_id=run_id))

    batch = await rig.admin.fetchrow("SELECT * FROM ingest.batches WHERE split = 'validation'")
    [event] = await rig.events(BatchStored)
    assert (batch["state"], batch["stored_at"] is not None) == ("stored", True)
    assert (event.split, event.batch, event.counts.published, event.counts.quarantined) == ("validation", 0, 1_200, 12)


async def test_resume_is_refused_while_a_batch_is_over_the_limit(rig: Rig) -> None:
    """It would fail again at once; the rows need a decision first."""
    run_id = await rig.start(train=(0,), validation=(0,))
    await _fail_batch(rig, run_id, "validation", 0, published=1_200, quarantined=13)

    done = await rig.do(ResumeIngestion(run_id=run_id))

    assert (done["outcome"], done["reason"]) == ("rejected", Reason.QUARANTINE_LIMIT)
    assert (await rig.run(run_id))["state"] == "failed"


async def test_a_resumed_run_whose_batches_were_cleaned_meanwhile_completes(rig: Rig) -> None:
    """Another run may have brought them in; there is nothing left to wait for."""
    run_id = await rig.start(validation="all")
    await _fail_batch(rig, run_id, "validation", 0, published=0, quarantined=0)
    await rig.fill("validation", 0, "clean")

    done = await rig.do(ResumeIngestion(run_id=run_id))

    assert (done["outcome"], (await rig.run(run_id))["state"]) == ("applied", "completed")
    assert [event.run_id for event in await rig.events(IngestionCompleted)] == [run_id]


async def test_each_failure_of_a_run_is_announced(rig: Rig) -> None:
    """A run that is resumed and fails again has failed twice; an id taken twice would swallow the second."""
    run_id = await rig.start(validation="all")
    for _ in range(2):
        claimed = await rig.streaming().claim()
        assert claimed is not None
        assert await rig.streaming().fail(claimed, "DATASET_MISSING", "gone")
        await rig.do(ResumeIngestion(run_id=run_id))

    assert len(await rig.events(IngestionFailed)) == 2


@pytest.mark.parametrize("state", ["planned", "streaming"])
async def test_reset_is_refused_while_a_run_is_active(rig: Rig, state: str) -> None:
    """Rows would vanish under the run's count."""
    await _end(rig, await rig.start(train=(0,)), state)

    done = await rig.do(RESET)

    assert (done["outcome"], done["reason"]) == ("rejected", Reason.STORE_BUSY)
    assert await rig.admin.fetchval("SELECT generation FROM ingest.store") == 1


@pytest.mark.parametrize("state", ["completed", "cancelled", "failed"])
async def test_an_ended_run_does_not_hold_a_reset_up(rig: Rig, state: str) -> None:
    """A failed run may wait for its resume for ever; the reset ends that."""
    await _end(rig, await rig.start(train=(0,)), state)

    assert (await rig.do(RESET))["outcome"] == "applied"


async def test_after_a_reset_the_generation_is_one_higher_and_the_rows_are_gone(rig: Rig) -> None:
    """The store begins anew as a whole: batches planned again, and nothing of the old counts."""
    run_id = await rig.start(train=(0,), validation=(0,))
    await rig.enter_ledger("train", 0, [0, 1])
    await rig.fill("validation", 0, "clean")
    await rig.admin.execute(
        "INSERT INTO ingest.duplicates "
        "(dataset_no, split, batch, row_no, encounter_id, first_dataset_no, first_row_no) "
        "VALUES (1, 'train', 0, 1, 1, 1, 0)"
    )
    await rig.do(CancelIngestion(run_id=run_id, reason="reset"))

    done = await rig.do(RESET)

    assert (done["outcome"], done["subject"]) == ("applied", "2")
    assert [await rig.count(f"ingest.{table}") for table in ("chunks", "duplicates")] == [0, 0]
    batches = await rig.admin.fetch(
        "SELECT generation, split, batch, planned_rows, state, published FROM ingest.batches ORDER BY 1, 2, 3"
    )
    new = [tuple(batch)[1:] for batch in batches if batch["generation"] == 2]
    assert new == [
        ("train", 0, 15_000, "planned", 0),
        ("train", 1, 15_000, "planned", 0),
        ("train", 2, 700, "planned", 0),
        ("validation", 0, 1_200, "planned", 0),
    ]
    assert len([batch for batch in batches if batch["generation"] == 1]) == 4
    assert (await rig.run(run_id))["generation"] == 1
    [event] = await rig.events(StoreReset)
    assert (event.generation, event.reason, event.actor) == (2, "a test", "tester")


async def test_every_raw_and_clean_table_is_empty_after_a_reset(rig: Rig) -> None:
    """One table left out would put rows of two generations side by side."""
    tables = [f"{schema}.{split}" for schema in ("raw", "clean") for split in ("train", "validation", "test")]
    for table in tables:
        await rig.admin.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        columns = await rig.admin.fetch(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_schema || '.' || table_name = $1 AND is_nullable = 'NO'",
            table,
        )
        values = [{"text": "'x'", "boolean": "true"}.get(column["data_type"], "1") for column in columns]
        names = ", ".join(column["column_name"] for column in columns)
        await rig.admin.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join(values)})")

    await rig.do(RESET)

    assert [await rig.count(table) for table in tables] == [0] * len(tables)


async def test_a_run_after_a_reset_wants_batches_of_the_new_generation(rig: Rig) -> None:
    """What was clean before counts for nothing: the same command, newly sent, is work again."""
    await rig.start(train=(0,))
    await rig.fill("validation", 0, "clean")
    done = await rig.start(validation="all")
    assert (await rig.run(done))["state"] == "completed"
    [active] = await rig.admin.fetch("SELECT run_id FROM ingest.runs WHERE state = 'planned'")
    await rig.do(CancelIngestion(run_id=active["run_id"], reason="reset"))
    await rig.do(RESET)

    run_id = await rig.start(validation="all")

    run = await rig.run(run_id)
    assert (run["state"], run["generation"]) == ("planned", 2)
    assert [event.generation for event in await rig.events(IngestionPlanned)] == [1, 1, 2]


async def test_a_run_of_an_earlier_generation_cannot_be_resumed(rig: Rig) -> None:
    """Its batches are those of a store that is gone."""
    run_id = await rig.start(validation="all")
    await _fail_batch(rig, run_id, "validation", 0, published=600, quarantined=3)
    await rig.do(RESET)

    done = await rig.do(ResumeIngestion(run_id=run_id))

    assert (done["outcome"], done["reason"]) == ("rejected", Reason.STORE_RESET)


async def test_a_start_and_a_reset_at_the_same_moment_do_not_mix(rig: Rig) -> None:
    """Either the run comes first and the reset is refused, or the run is planned in the new generation."""
    await rig.do(RESET)
    start, reset = uuid4(), uuid4()

    await asyncio.gather(
        rig.commands([command_record(StartIngestion(batches={"train": (0,)}), start)]),
        rig.commands([command_record(RESET, reset)]),
    )

    outcome = await rig.admin.fetchval("SELECT outcome FROM ingest.inbox WHERE command_id = $1", reset)
    generation = await rig.admin.fetchval("SELECT generation FROM ingest.runs")
    assert (outcome, generation) in {("rejected", 2), ("applied", 3)}


async def test_a_repeated_reset_acts_once(rig: Rig) -> None:
    """A redelivered reset must not empty what was stored since."""
    command_id = uuid4()
    await rig.do(RESET, command_id=command_id)

    await rig.do(RESET, command_id=command_id)

    assert await rig.admin.fetchval("SELECT generation FROM ingest.store") == 2


def _about(command_type: type[Message], run_id: UUID) -> Message:
    if command_type is CancelIngestion:
        return CancelIngestion(run_id=run_id, reason="test")
    return ResumeIngestion(run_id=run_id)


async def _end(rig: Rig, run_id: UUID, state: str) -> None:
    """Bring a run into a state, whatever the way there."""
    await rig.admin.execute(
        "UPDATE ingest.runs SET state = $2, "
        "finished_at = CASE WHEN $2 IN ('planned', 'streaming') THEN NULL ELSE now() END WHERE run_id = $1",
        run_id,
        state,
    )


async def _fail_batch(rig: Rig, run_id: UUID, split: str, batch: int, *, published: int, quarantined: int) -> None:
    """Let a batch, and the run that wants it, fail as the ingestor would."""
    await rig.admin.execute(
        "UPDATE ingest.batches SET state = 'failed', published = $3, stored = $3::integer - $4, quarantined = $4, "
        "failed_reason = 'QUARANTINE_LIMIT', failed_detail = 'test' WHERE split = $1 AND batch = $2",
        split,
        batch,
        published,
        quarantined,
    )
    await rig.admin.fetch("SELECT * FROM ingest.fail_runs($1)", [run_id])
