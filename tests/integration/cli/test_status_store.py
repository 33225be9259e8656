"""The status views as the command line reads them, in the reader's role."""

from uuid import uuid4

import pytest
from asyncpg import InsufficientPrivilegeError
from readmit_cli.status_store import StatusStore
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
    batches = await status.run_batches(run_id)
    assert [batch.split for batch in batches] == ["train", "validation", "test"]
    assert all(batch.state == "clean" and batch.sha256 for batch in batches)
    assert sum(batch.stored for batch in await status.batches(1)) == 900
    assert sum(table.rows for table in await status.tables()) == 1_800


async def test_batches_that_were_chosen_as_the_next_ones_are_the_runs_too(store, status):
    """The request names none of them; what was chosen is on record."""
    run_id = await store.plan(SOURCE, LINES)
    await store.admin.execute("UPDATE ingest.runs SET requested = $1", '{"train": {"next": 1}}')
    await store.admin.execute("DELETE FROM ingest.run_batches WHERE split <> 'train'")
    assert [(batch.split, batch.batch) for batch in await status.run_batches(run_id)] == [("train", 0)]
    assert not await status.run_batches(uuid4())


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


async def test_what_another_service_made_of_the_same_id_is_not_taken_for_the_answer(store, status):
    """A training command may have the same id; its outcome is another's."""
    command_id = uuid4()
    insert = (
        "INSERT INTO {}.inbox (consumer, command_id, command_type, value_sha256, outcome) VALUES ($1, $2, 'x', 'x', $3)"
    )
    await store.admin.execute(insert.format("training"), "trainer", command_id, "rejected")
    assert await status.command(command_id, consumer="batch_producer") is None
    await store.admin.execute(insert.format("ingest"), "batch_producer", command_id, "applied")
    assert (await status.command(command_id, consumer="batch_producer")).outcome == "applied"
    assert (await status.command(command_id, consumer="trainer")).outcome == "rejected"


async def test_the_store_says_its_generation_and_its_schema(status):
    """What a check of an older run has to know."""
    store = await status.store()
    assert store.generation == 1
    assert store.schema_revision


async def test_the_reader_sees_the_views_and_nothing_else(service_database):
    """Operators read what is meant for them; rows of patients are not."""
    connection = await connect(service_database("readmit_reader"))
    try:
        with pytest.raises(InsufficientPrivilegeError):
            await connection.fetch("SELECT * FROM raw.train")
    finally:
        await connection.close()
