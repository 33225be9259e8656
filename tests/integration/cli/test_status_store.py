"""The status views as the command line reads them, in the reader's role."""

from uuid import uuid4

import pytest
from asyncpg import InsufficientPrivilegeError
from readmit_cli.status_store import StatusStore
from readmit_contracts.commands import StartIngestion, TrainModel
from readmit_contracts.registry import ce_type
from readmit_runtime.database import connect
from support.encounters import source_file
from support.planned_store import lines_of, records

LINES = lines_of(900)
SOURCE = source_file(LINES)


@pytest.fixture
async def status(service_database):
    """Give the views over a connection of the reader."""
    connection = await connect(service_database("readmit_reader"))
    try:
        yield StatusStore(connection)
    finally:
        await connection.close()


async def test_a_run_and_its_batches_are_read(store, status):
    """From the plan to the end."""
    run_id = await store.plan(SOURCE, LINES)
    planned = await status.run(run_id)
    assert (planned.active, planned.planned_rows, planned.missing) == (True, 900, 900)
    await store.store(records(SOURCE))
    await store.clean()
    ended = await status.run(run_id)
    assert (ended.state, ended.stored, ended.clean_batches) == ("completed", 900, 3)
    batches = await status.run_batches(ended)
    assert [batch.split for batch in batches] == ["train", "validation", "test"]
    assert all(batch.state == "clean" and batch.sha256 for batch in batches)
    assert sum(batch.stored for batch in await status.batches(1)) == 900
    assert sum(table.rows for table in await status.tables()) == 1_800


@pytest.mark.parametrize(
    ("requested", "splits"),
    [
        ('{"train": "all"}', ["train"]),
        ('{"train": [0], "test": [0]}', ["train", "test"]),
        ('{"train": [1]}', []),
        ('{"train": {"next": 1}, "validation": "all"}', ["validation"]),
    ],
)
async def test_the_batches_that_a_request_names_are_found(store, status, requested, splits):
    """Those chosen as the next ones are not in the request."""
    run_id = await store.plan(SOURCE, LINES)
    await store.admin.execute("UPDATE ingest.runs SET requested = $1", requested)
    batches = await status.run_batches(await status.run(run_id))
    assert [batch.split for batch in batches] == splits


async def test_the_last_runs_are_listed_and_every_active_one_besides(store, status):
    """An old run that still streams must not drop out of sight."""
    active = await store.plan(SOURCE, LINES)
    for _ in range(3):
        run_id = await store.plan(SOURCE, LINES)
        await store.admin.execute(
            "UPDATE ingest.runs SET state = 'cancelled', finished_at = now() WHERE run_id = $1", run_id
        )
    listed = [run.run_id for run in await status.runs(2)]
    assert len(listed) == 3
    assert listed[-1] == active
    assert list(await status.run_ids(str(active)[:13])) == [active]
    assert (await status.run_ids(""))[0] == run_id


async def test_only_a_command_to_the_store_is_taken_for_one(store, status):
    """A training command may have the same id; its outcome is another's."""
    command_id = uuid4()
    insert = (
        "INSERT INTO {}.inbox (consumer, command_id, command_type, value_sha256, outcome) VALUES ('c', $1, $2, 'x', $3)"
    )
    await store.admin.execute(insert.format("training"), command_id, ce_type(TrainModel), "rejected")
    assert await status.command(command_id) is None
    await store.admin.execute(insert.format("ingest"), command_id, ce_type(StartIngestion), "applied")
    assert (await status.command(command_id)).outcome == "applied"


async def test_without_a_model_there_is_no_champion_and_no_replica(store, status):
    """A new system has neither, and says so."""
    assert not await status.champions()
    assert not await status.replicas()
    assert (await status.store()).generation == 1


async def test_the_champion_and_the_living_replicas_are_read(store, status):
    """With how far the promotion has come."""
    model_id = "a1" * 32
    job_id = uuid4()
    serving = store.admin.transaction()
    await serving.start()
    try:
        await store.admin.execute(
            """
            INSERT INTO training.jobs (job_id, model, recipe, feature_version, training_set, training_set_sha256,
                                       generation, state, model_id, finished_at)
            VALUES ($1, 'readmission', 'baseline', 1, '[]', 'x', 1, 'done', $2, now())
            """,
            job_id,
            model_id,
        )
        await store.admin.execute(
            "INSERT INTO training.models (model_id, model, job_id, feature_version, mlflow_version) "
            "VALUES ($1, 'readmission', $2, 1, '7')",
            model_id,
            job_id,
        )
        await store.admin.execute("INSERT INTO training.champions VALUES ('readmission', 3, $1)", model_id)
        await store.admin.execute(
            "INSERT INTO training.promotions (model, epoch, model_id, kind, command_id, actor, reason) "
            "VALUES ('readmission', 3, $1, 'promotion', $2, 'trainer', 'better')",
            model_id,
            uuid4(),
        )
        await store.admin.execute(
            "INSERT INTO training.replicas (replica, model, status, epoch, model_id, feature_versions, reported_at) "
            "VALUES ('host-1', 'readmission', 'loading', 2, 'b2', '{1}', now()), "
            "('host-2', 'readmission', 'serving', 3, 'a1', '{1}', now() - interval '1 hour')"
        )
        own = StatusStore(store.admin)
        (champion,) = await own.champions()
        assert (champion.epoch, champion.version, champion.model_id) == (3, "7", model_id)
        assert (champion.convergence, champion.replicas_converged, champion.replicas_alive) == ("converging", 0, 1)
        assert [replica.replica for replica in await own.replicas()] == ["host-1"]
    finally:
        await serving.rollback()


async def test_the_reader_sees_the_views_and_nothing_else(service_database):
    """Operators read what is meant for them; rows of patients are not."""
    connection = await connect(service_database("readmit_reader"))
    try:
        with pytest.raises(InsufficientPrivilegeError):
            await connection.fetch("SELECT * FROM raw.train")
    finally:
        await connection.close()
