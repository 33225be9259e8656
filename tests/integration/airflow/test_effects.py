"""What Airflow takes for an effect, on rows as the services write them: a publish alone is none."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from readmit_contracts import ids
from readmit_runtime.database import Connection
from support.encounters import source_file
from support.planned_store import lines_of, records

LINES = lines_of(900)
SOURCE = source_file(LINES)
MODEL_ID, OTHER_ID = "a1b2" * 16, "c3d4" * 16
JOB_ID, COMMAND_ID, RUN_ID = UUID(int=1), UUID(int=2), UUID(int=3)
SPLITS = ("train", "validation", "test")


async def answer(
    admin: Connection, outcome: str, *, schema: str = "training", consumer: str = "trainer", **fields
) -> None:
    """Write what became of the command."""
    row = {"reason": None, "detail": None, "subject": None, "command_id": COMMAND_ID, **fields}
    await admin.execute(
        f"INSERT INTO {schema}.inbox (consumer, command_id, command_type, value_sha256, outcome, reason, detail, "
        "subject) VALUES ($1, $2, 'x', 'x', $3, $4, $5, $6)",
        consumer,
        row["command_id"],
        outcome,
        row["reason"],
        row["detail"],
        row["subject"],
    )


async def trained(admin: Connection, state: str = "done", *, version: str | None = "7", **fields) -> None:
    """Write a training job and, when it is done, its model."""
    done = state == "done"
    ended = state in ("done", "failed", "cancelled")
    await admin.execute(
        "INSERT INTO training.jobs (job_id, model, recipe, feature_version, method_sha256, training_set, "
        "training_set_sha256, generation, state, stage, reason, detail, model_id, metrics, finished_at) VALUES "
        "($1, 'readmission', 'baseline', 1, 'm', '[]', 'x', 1, $2, $3, $4, $5, $6, $7, "
        "CASE WHEN $8 THEN now() + interval '1 s' END)",
        JOB_ID,
        state,
        fields.get("stage"),
        fields.get("reason"),
        fields.get("detail"),
        MODEL_ID if done else None,
        '{"validation": {"auroc": 0.6712}, "best_iteration": 12}' if done else None,
        ended,
    )
    for model_id in (MODEL_ID, OTHER_ID) if done else ():
        await admin.execute(
            "INSERT INTO training.models (model_id, model, job_id, feature_version, mlflow_version) "
            "VALUES ($1, 'readmission', $2, 1, $3)",
            model_id,
            JOB_ID,
            version,
        )


async def promoted(admin: Connection, epoch: int, model_id: str = MODEL_ID, command_id: UUID = COMMAND_ID) -> None:
    """Write a promotion and the champion that it made."""
    await admin.execute(
        "INSERT INTO training.promotions (model, epoch, model_id, kind, command_id, actor, reason) "
        "VALUES ('readmission', $1, $2, 'promotion', $3, 'somebody', 'better')",
        epoch,
        model_id,
        command_id,
    )
    await admin.execute(
        "INSERT INTO training.champions VALUES ('readmission', $1, $2) "
        "ON CONFLICT (model) DO UPDATE SET epoch = excluded.epoch, model_id = excluded.model_id",
        epoch,
        model_id,
    )


async def judged(admin: Connection, *refusals: str) -> None:
    """Write the gate's verdict."""
    await admin.execute(
        "INSERT INTO training.decisions (model, model_id, command_id, passed, refusals, evidence) "
        "VALUES ('readmission', $1, $2, $3, $4, '{}')",
        MODEL_ID,
        COMMAND_ID,
        not refusals,
        list(refusals),
    )


async def replica(
    admin: Connection, name: str, epoch: int | None, *, failure: str | None = None, age_s: int = 1
) -> None:
    """Write a replica's last report."""
    await admin.execute(
        "INSERT INTO training.replicas (replica, model, status, epoch, lineage, feature_versions, load_failure, "
        "reported_at) SELECT $1, 'readmission', 'serving', $2, lineage, '{1}', $3, now() - $4::interval "
        "FROM training.lineage",
        name,
        epoch,
        failure,
        timedelta(seconds=age_s),
    )


def kind(found) -> str:
    """Give whether the effect is there, still to come, or will never be."""
    return type(found).__name__


async def test_a_command_that_nobody_took_up_is_waited_for(look):
    """It stands in Kafka and acts as soon as the service runs."""
    for effect, arguments in (
        ("command_applied", {"consumer": "batch_producer"}),
        ("split_ingested", {"split": "train"}),
        ("model_trained", {}),
        ("promotion_decided", {"model": "readmission", "refusal_is_failure": True}),
    ):
        found = await look(effect, command_id=str(COMMAND_ID), **arguments)
        assert kind(found) == "Pending", effect
        assert "has not taken the command up" in found.said


async def test_a_refused_command_fails_with_the_systems_reason(look, admin):
    """The person who reads the red task learns why, without looking elsewhere."""
    await answer(admin, "rejected", reason="STALE_EPOCH", detail="The command expects epoch 2, but it is 3.")
    await answer(
        admin, "rejected", schema="ingest", consumer="batch_producer", reason="DATASET_SHA256", detail="Another file."
    )
    id_ = str(COMMAND_ID)
    refusals = [
        await look("command_applied", command_id=id_, consumer="batch_producer"),
        await look("split_ingested", command_id=id_, split="test"),
        await look("model_trained", command_id=id_),
        await look("promotion_decided", command_id=id_, model="readmission", refusal_is_failure=False),
    ]
    assert [kind(one) for one in refusals] == ["Failed"] * 4
    assert "DATASET_SHA256" in refusals[0].said
    assert "Another file." in refusals[1].said
    assert "STALE_EPOCH" in refusals[3].said


async def test_a_split_is_ingested_when_its_batches_are_clean_and_shows_its_rows_until_then(look, store):
    """Stored is not yet clean, and another split's batches are not its own."""
    run_id = await store.plan(SOURCE, LINES)
    command_id = str(await store.admin.fetchval("SELECT command_id FROM ingest.runs"))
    planned = await look("split_ingested", command_id=command_id, split="train")
    assert kind(planned) == "Pending"
    assert "train: 0 of " in planned.said
    await store.store(records(SOURCE))
    assert kind(await look("split_ingested", command_id=command_id, split="train")) == "Pending"
    await store.clean()
    found = [await look("split_ingested", command_id=command_id, split=split) for split in SPLITS]
    assert [kind(one) for one in found] == ["Met"] * 3
    assert {one.result["run_id"] for one in found} == {str(run_id)}
    assert sum(one.result["stored"] for one in found) == 900


@pytest.mark.parametrize(("state", "how"), [("failed", "failed"), ("cancelled", "was cancelled")])
async def test_a_run_that_ended_otherwise_fails_the_splits_that_are_not_clean(look, store, state: str, how: str):
    """With the reason that the system gives."""
    await store.plan(SOURCE, LINES)
    await store.admin.execute(
        "UPDATE ingest.runs SET state = $1, finished_at = now(), reason = 'QUARANTINE_LIMIT', detail = 'Too many.'",
        state,
    )
    command_id = str(await store.admin.fetchval("SELECT command_id FROM ingest.runs"))
    found = await look("split_ingested", command_id=command_id, split="train")
    assert kind(found) == "Failed"
    assert f"{how}. QUARANTINE_LIMIT: Too many." in found.said


async def test_clean_tables_are_compared_with_the_ledger_row_for_row(look, store):
    """A row too few is a difference that somebody has to see."""
    assert kind(await look("tables_clean")) == "Met"
    await store.plan(SOURCE, LINES)
    await store.store(records(SOURCE))
    assert kind(await look("tables_clean")) == "Pending"
    await store.clean()
    found = await look("tables_clean")
    assert kind(found) == "Met"
    assert sum(found.result.values()) == 900
    await store.admin.execute("DELETE FROM clean.test WHERE encounter_id = (SELECT min(encounter_id) FROM clean.test)")
    differs = await look("tables_clean")
    assert kind(differs) == "Pending"
    rows = found.result["clean.test"]
    assert f"clean.test {rows - 1:,} of {rows:,} rows" in differs.said


async def test_a_job_is_waited_for_and_gives_figures_and_mlflows_version(look, admin):
    """The stage is what people want to see until then."""
    await answer(admin, "accepted", subject=str(JOB_ID))
    await trained(admin, "running", stage="fitting")
    running = await look("model_trained", command_id=str(COMMAND_ID))
    assert (kind(running), running.said) == ("Pending", f"Training job {JOB_ID} is running, fitting.")
    await admin.execute("TRUNCATE training.jobs CASCADE")
    await trained(admin)
    done = await look("model_trained", command_id=str(COMMAND_ID))
    assert kind(done) == "Met"
    assert (done.result["model_id"], done.result["version"], done.result["done_before"]) == (MODEL_ID, "7", False)
    assert "AUROC validation 0.6712" in done.said


async def test_mlflow_is_waited_for_a_little_and_then_done_without(look, admin):
    """It is a projection: a model counts without it."""
    await answer(admin, "accepted", subject=str(JOB_ID))
    await trained(admin, version=None)
    assert kind(await look("model_trained", command_id=str(COMMAND_ID))) == "Pending"
    await admin.execute("UPDATE training.jobs SET finished_at = now() - interval '1 minute'")
    found = await look("model_trained", command_id=str(COMMAND_ID))
    assert (kind(found), found.result["version"]) == ("Met", None)


async def test_a_model_counts_although_the_gate_had_to_give_up(look, admin):
    """The training is done; what became of the promotion is the next task's word."""
    await answer(admin, "rejected", reason="BUNDLE_MISSING", detail="No bundle.", subject=str(JOB_ID))
    await trained(admin)
    assert kind(await look("model_trained", command_id=str(COMMAND_ID))) == "Met"


async def test_a_gate_that_was_not_asked_has_no_verdict(look):
    """Who wanted training alone is not told that nothing changed."""
    ask = {"command_id": str(COMMAND_ID), "model": "readmission", "refusal_is_failure": True, "wanted": "train"}
    assert (await look("promotion_decided", **ask)).result["verdict"] == "not_asked"


@pytest.mark.parametrize("state", ["failed", "cancelled"])
async def test_a_job_without_a_model_fails_with_its_reason(look, admin, state: str):
    """A red task says what the trainer said."""
    await answer(admin, "accepted", subject=str(JOB_ID))
    await trained(admin, state, reason="FIT_FAILED", detail="The child ended.")
    found = await look("model_trained", command_id=str(COMMAND_ID))
    assert kind(found) == "Failed"
    assert "(FIT_FAILED): The child ended." in found.said


async def test_the_job_of_a_completed_run_is_found_by_the_run(look, admin):
    """The trainer hears of a run by an event; its id follows from the run's."""
    heard = ids.event_id("readmit.IngestionCompleted.v1", RUN_ID)
    await answer(admin, "applied", command_id=heard, detail="The run's command wanted no training.")
    found = await look("model_trained", run_id=str(RUN_ID))
    assert kind(found) == "Failed"
    assert "wanted no training" in found.said


async def test_a_promotion_is_decided_with_its_epoch(look, admin):
    """Later tasks wait for exactly this one."""
    await trained(admin)
    await answer(admin, "accepted")
    ask = {"command_id": str(COMMAND_ID), "model": "readmission", "refusal_is_failure": True}
    assert kind(await look("promotion_decided", **ask)) == "Pending"
    await admin.execute("UPDATE training.inbox SET outcome = 'applied', detail = 'It is the champion.'")
    await judged(admin)
    await promoted(admin, 4)
    found = await look("promotion_decided", **ask)
    assert (kind(found), found.result["verdict"], found.result["epoch"]) == ("Met", "promoted", 4)


@pytest.mark.parametrize("outcome", ["applied", "rejected"])
async def test_what_the_gate_refuses_is_an_end_that_says_so_or_a_failure_as_asked(look, admin, outcome: str):
    """In the pipeline a refusal is normal; who asked for this very promotion did not get it."""
    await trained(admin)
    await promoted(admin, 3, OTHER_ID, uuid4())
    await judged(admin, "AUROC")
    await answer(admin, outcome, reason="GATE", detail="The gate did not let the model through: AUROC.")
    ask = {"command_id": str(COMMAND_ID), "model": "readmission"}
    green = await look("promotion_decided", **ask, refusal_is_failure=False)
    assert (kind(green), green.result["verdict"], green.result["epoch"]) == ("Met", "refused", 3)
    assert green.result["refusals"] == ["AUROC"]
    assert green.said.startswith("NOT PROMOTED, epoch 3 goes on serving.")
    assert kind(await look("promotion_decided", **ask, refusal_is_failure=True)) == "Failed"


async def test_a_model_that_is_the_champion_already_changes_nothing(look, admin):
    """A second run over the same data ends green."""
    await trained(admin)
    await promoted(admin, 3, command_id=uuid4())
    await answer(admin, "applied", detail="It is the champion already.")
    found = await look("promotion_decided", command_id=str(COMMAND_ID), model="readmission", refusal_is_failure=True)
    assert (kind(found), found.result["verdict"], found.result["epoch"]) == ("Met", "unchanged", 3)


async def test_convergence_names_the_replica_that_is_behind_and_says_when_none_lives(look, admin):
    """The task that times out shows this sentence."""
    await trained(admin)
    await promoted(admin, 3)
    ask = {"model": "readmission", "epoch": 3}
    await replica(admin, "dead-1", 2, age_s=3600)
    none = await look("replicas_converged", **ask)
    assert kind(none) == "Pending"
    assert "no predictor is alive" in none.said
    await replica(admin, "host-1", 3)
    await replica(admin, "host-2", 2, failure="epoch 3: BUNDLE_SHA256")
    behind = await look("replicas_converged", **ask)
    assert kind(behind) == "Pending"
    assert "host-2 at epoch 2 (epoch 3: BUNDLE_SHA256)" in behind.said
    assert "host-1" not in behind.said
    await admin.execute("UPDATE training.replicas SET epoch = 9, lineage = gen_random_uuid() WHERE replica = 'host-2'")
    foreign = await look("replicas_converged", **ask)
    assert kind(foreign) == "Pending"
    assert "host-2 at epoch 9 of another lineage" in foreign.said
    await admin.execute("DELETE FROM training.replicas WHERE replica = 'host-2'")
    await replica(admin, "host-2", 3)
    found = await look("replicas_converged", **ask)
    assert (kind(found), found.result) == ("Met", {"epoch": 3, "replicas": 2})


async def test_without_any_champion_there_is_nothing_to_converge_to(look):
    """The first model of all may be refused by the gate."""
    assert kind(await look("replicas_converged", model="readmission", epoch=None)) == "Met"
