"""The status views of training and serving as the command line reads them, in the reader's role."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from readmit_cli.model_status_store import ModelStatusStore
from readmit_runtime.database import connect

OLD, NEW = "a1b2" * 16, "a1c3" * 16
JOBS = {OLD: UUID(int=1), NEW: UUID(int=2)}
COMMANDS = {OLD: UUID(int=3), NEW: UUID(int=4)}


@pytest.fixture
async def models(service_database) -> AsyncIterator[ModelStatusStore]:
    """Give the views over a connection of the reader."""
    connection = await connect(service_database("readmit_reader"))
    try:
        yield ModelStatusStore(connection)
    finally:
        await connection.close()


@pytest.fixture
async def trained(database_settings) -> None:
    """Leave behind what the trainer would: two models promoted one after the other, a refusal, and a failed job."""
    admin = await connect(database_settings)
    try:
        await admin.execute(
            "TRUNCATE training.jobs, training.wishes, training.models, training.decisions, training.champions, "
            "training.promotions, training.replicas RESTART IDENTITY"
        )
        insert_job = (
            "INSERT INTO training.jobs (job_id, model, recipe, feature_version, method_sha256, training_set, "
            "training_set_sha256, generation, state, reason, detail, model_id, metrics, durations_s, finished_at) "
            "VALUES ($1, 'readmission', 'baseline', 1, 'm', '[]', 'x', 1, $2, $3, $4, $5, $6, $7, now())"
        )
        for number, model_id in enumerate((OLD, NEW), 1):
            metrics = '{"test": {"auroc": 0.68}, "best_iteration": 12}'
            await admin.execute(insert_job, JOBS[model_id], "done", None, None, model_id, metrics, '{"fitted": 1.5}')
            await admin.execute(
                "INSERT INTO training.models (model_id, model, job_id, feature_version, mlflow_version) "
                "VALUES ($1, 'readmission', $2, 1, $3)",
                model_id,
                JOBS[model_id],
                "7" if model_id == OLD else None,
            )
            await admin.execute(
                "INSERT INTO training.decisions (model, model_id, command_id, passed, refusals, evidence) VALUES "
                "('readmission', $1, $2, false, '{GATE}', '{}'), "
                "('readmission', $1, $2, true, '{}', '{\"metrics\": {\"challenger_auroc\": 0.67}}')",
                model_id,
                COMMANDS[model_id],
            )
            await admin.execute(
                "INSERT INTO training.promotions (model, epoch, model_id, kind, command_id, actor, reason) "
                "VALUES ('readmission', $1, $2, 'promotion', $3, 'operator', 'better')",
                number,
                model_id,
                COMMANDS[model_id],
            )
        await admin.execute(insert_job, uuid4(), "failed", "FIT_FAILED", "It ended.", None, None, None)
        await admin.execute("INSERT INTO training.champions VALUES ('readmission', 2, $1)", NEW)
        await admin.execute(
            "INSERT INTO training.replicas (replica, model, status, epoch, feature_versions, reported_at, "
            "load_failure) VALUES ('host-1', 'readmission', 'loading', 1, '{1}', now(), 'epoch 2: BUNDLE_SHA256'), "
            "('host-2', 'readmission', 'serving', 2, '{1}', now() - interval '1 hour', NULL)"
        )
    finally:
        await admin.close()


@pytest.mark.usefixtures("trained")
async def test_a_model_is_found_by_a_beginning_of_its_id_and_by_its_version(models):
    """With the figures of its job."""
    (found,) = await models.models_beginning(OLD[:4])
    assert (found.model_id, found.version, found.metrics["test"]["auroc"]) == (OLD, "7", 0.68)
    assert [one.model_id for one in await models.models_beginning("a1")] == [OLD, NEW]
    assert await models.model_of_version("readmission", "7") == found
    assert await models.model_of_version("readmission", "8") is None
    assert {one.model_id for one in await models.models("readmission", 20)} == {OLD, NEW}
    assert len(await models.models("readmission", 1)) == 1
    assert not await models.models("other", 20)


@pytest.mark.usefixtures("trained")
async def test_a_job_is_read_with_its_end(models):
    """Also one that came to no model."""
    done = await models.job(JOBS[NEW])
    assert (done.active, done.model_id, done.durations_s) == (False, NEW, {"fitted": 1.5})
    (failed,) = await models.jobs_without_model("readmission", 5)
    assert (failed.state, failed.reason, failed.metrics) == ("failed", "FIT_FAILED", None)
    assert await models.job(uuid4()) is None
    assert [one.job_id for one in await models.jobs(1)] == [(await models.jobs(5))[0].job_id]
    assert {one.job_id for one in await models.jobs(5)} >= {done.job_id, failed.job_id}


@pytest.mark.usefixtures("trained")
async def test_verdicts_and_promotions_are_read_newest_first_and_by_what_they_come_from(models):
    """Of every model or of one, and of one command."""
    every = await models.decisions("readmission", 20)
    assert [(one.model_id, one.passed) for one in every] == [(NEW, True), (NEW, False), (OLD, True), (OLD, False)]
    assert [one.refusals for one in await models.decisions("readmission", 20, model_id=OLD)] == [(), ("GATE",)]
    verdict = await models.decision_of(COMMANDS[NEW])
    assert verdict.evidence["metrics"]["challenger_auroc"] == 0.67
    assert [one.epoch for one in await models.promotions("readmission", 20)] == [2, 1]
    assert [one.version for one in await models.promotions("readmission", 20, model_id=OLD)] == ["7"]
    assert (await models.promotion_of(COMMANDS[OLD])).epoch == 1
    assert await models.decision_of(uuid4()) is None
    assert await models.promotion_of(uuid4()) is None


@pytest.mark.usefixtures("trained")
async def test_the_champion_and_the_living_replicas_are_read(models):
    """With how far the promotion has come, and why not further."""
    champion = await models.champion("readmission")
    assert (champion.epoch, champion.version, champion.model_id) == (2, None, NEW)
    assert (champion.convergence, champion.replicas_converged, champion.replicas_alive) == ("converging", 0, 1)
    assert await models.champions() == [champion]
    (replica,) = await models.replicas()
    assert (replica.replica, replica.load_failure) == ("host-1", "epoch 2: BUNDLE_SHA256")


async def test_without_a_model_there_is_no_champion_and_no_replica(models, database_settings):
    """A new system has neither, and says so."""
    admin = await connect(database_settings)
    await admin.execute("TRUNCATE training.champions, training.replicas")
    await admin.close()
    assert not await models.champions()
    assert await models.champion("readmission") is None
    assert not await models.replicas()
