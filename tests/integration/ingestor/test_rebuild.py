"""RebuildClean against a real Postgres, in the role of the ingestor."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from ingestor.cleaning.rebuild_store import rebuild
from readmit_contracts.commands import RebuildClean
from readmit_contracts.source import SPLITS
from readmit_contracts.tables import CLEAN_COLUMNS, clean_select
from readmit_contracts.topics import QUARANTINE_COMMANDS
from readmit_runtime.database import connect
from support.command_records import command_record
from support.encounters import encounter, source_file
from support.planned_store import PlannedStore, lines_of, records

LINES = lines_of(900)
SOURCE = source_file(LINES)


@pytest.fixture
async def cleaned(store) -> PlannedStore:
    """Give a store with 900 clean rows in three batches."""
    await store.plan(SOURCE, LINES)
    await store.store(records(SOURCE))
    await store.clean()
    return store


async def differences(store) -> int:
    """Count the rows of the clean tables that are not those derived from raw, and those that are missing."""
    found = 0
    for split in SPLITS:
        derived = f"SELECT {clean_select(split)} FROM raw.{split}"
        kept = f"SELECT {', '.join(CLEAN_COLUMNS)} FROM clean.{split}"
        found += await store.admin.fetchval(
            f"SELECT count(*) FROM (({derived} EXCEPT ALL {kept}) UNION ALL ({kept} EXCEPT ALL {derived})) AS d"
        )
    return found


async def content(store, *tables: str) -> list[object]:
    """Give all rows of some tables, in an order of their own."""
    return [await store.admin.fetch(f"SELECT t::text AS row FROM {table} t ORDER BY 1") for table in tables]


CLEAN_TABLES = tuple(f"clean.{split}" for split in SPLITS)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE clean.train SET num_medications = 99 WHERE row_no < 7",
        "DELETE FROM clean.validation",
        "TRUNCATE clean.train, clean.validation, clean.test",
        "INSERT INTO clean.train SELECT * FROM clean.test",
        "UPDATE clean.train SET row_no = row_no + 15000",
        "UPDATE clean.train SET dataset_no = 2, encounter_id = 100000 + encounter_id",
    ],
    ids=["altered", "one emptied", "all emptied", "rows of another split", "rows elsewhere", "rows of no dataset"],
)
async def test_clean_tables_that_were_altered_by_hand_are_right_again(cleaned, damage):
    """What stands in the clean tables follows from raw and the ledger alone; training reads nothing else."""
    before = await content(cleaned, *CLEAN_TABLES, "ingest.batches", "ingest.runs")
    await cleaned.admin.execute(damage)
    assert await differences(cleaned) > 0

    done = await cleaned.rebuild()

    assert (done["outcome"], done["subject"]) == ("applied", "1")
    assert done["detail"] == "3 batches, 900 rows derived anew; for tester: a test"
    assert await differences(cleaned) == 0
    assert await content(cleaned, *CLEAN_TABLES, "ingest.batches", "ingest.runs") == before


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE raw.train SET num_medications = 99 WHERE row_no = 17",
        "UPDATE raw.train SET age = 'old' WHERE row_no = 17",
        "UPDATE raw.train SET row_no = 14999 WHERE row_no = 17",
        "DELETE FROM raw.train WHERE row_no = 17",
        "DELETE FROM raw.train",
        "INSERT INTO raw.train SELECT * FROM raw.test",
    ],
    ids=["a value", "a value that can't be typed", "a place", "a row gone", "all rows gone", "rows too many"],
)
async def test_altered_raw_rows_are_refused_and_named_and_nothing_is_changed(cleaned, damage):
    """A rebuild that took whatever stands in raw would make a forged row look like the hospital's."""
    await cleaned.admin.execute(damage)
    await cleaned.admin.execute("DELETE FROM clean.test WHERE row_no = 3")
    before = await content(cleaned, *CLEAN_TABLES, "ingest.batches")

    refused = await cleaned.rebuild()

    assert (refused["outcome"], refused["reason"]) == ("rejected", "DATASET_CHANGED")
    assert "batch 0 of train (dataset 1)" in refused["detail"]
    assert "validation" not in refused["detail"]
    assert "readmit ingest verify" in refused["detail"]
    assert await content(cleaned, *CLEAN_TABLES, "ingest.batches") == before


async def test_every_altered_batch_is_named_and_once_raw_is_as_it_was_the_rebuild_goes_through(cleaned):
    """A person has to know how far it goes, and that what the refusal advises helps."""
    await cleaned.admin.execute("UPDATE raw.train SET race = 'Asian' WHERE row_no = 5")
    await cleaned.admin.execute("UPDATE raw.test SET race = 'Asian' WHERE row_no = 5")
    refused = await cleaned.rebuild()
    assert "batch 0 of test (dataset 1), batch 0 of train (dataset 1)" in refused["detail"]

    await cleaned.admin.execute("UPDATE raw.train SET race = 'Caucasian' WHERE row_no = 5")
    await cleaned.admin.execute("UPDATE raw.test SET race = 'Caucasian' WHERE row_no = 5")
    assert (await cleaned.rebuild(offset=1))["outcome"] == "applied"


async def test_rows_of_a_batch_that_is_not_clean_are_removed_until_it_is_cleaned(store):
    """After a rebuild the clean tables are what the ledger calls clean, no more."""
    await store.plan(SOURCE, LINES)
    await store.store(records(SOURCE))
    await store.admin.execute(
        f"INSERT INTO clean.train ({', '.join(CLEAN_COLUMNS)}) SELECT {clean_select('train')} FROM raw.train"
    )
    done = await store.rebuild()
    assert done["detail"].startswith("0 batches, 0 rows")
    assert await store.rows("clean") == 0
    assert await store.clean() == 3
    assert await differences(store) == 0


async def test_the_same_command_twice_rebuilds_once(cleaned):
    """A redelivery must not undo, a week later, what was decided since."""
    command_id = uuid4()
    await cleaned.rebuild(command_id=command_id)
    await cleaned.admin.execute("DELETE FROM clean.test")
    await cleaned.rebuild(command_id=command_id)
    assert await cleaned.rows("clean.test") == 0
    assert await cleaned.rows("ingest.inbox") == 2  # the other is the run's


async def test_readers_have_the_old_rows_until_the_new_ones_are_there(cleaned):
    """A training that begins in the middle must not find an empty store."""
    connection = await connect(cleaned.settings)
    try:
        async with connection.transaction():
            done = await rebuild(connection)
            assert done.rows == 900
            assert await differences(cleaned) == 0
        assert await differences(cleaned) == 0
    finally:
        await connection.close()


async def test_rebuilds_beside_planning_storing_and_cleaning_neither_deadlock_nor_lose_a_row(cleaned):
    """Nobody stops the flow for a rebuild; one lock order keeps them out of each other's way."""
    second, third = ([encounter(number) for number in range(first, first + 4_000)] for first in (10_000, 20_000))
    await cleaned.plan(source_file(second), second)
    arriving = records(source_file(second), dataset_no=2)

    async def store_one_by_one() -> None:
        for record in arriving:
            await cleaned.store([record])

    async def clean_again_and_again() -> None:
        for _ in range(10):
            await cleaned.clean()

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(store_one_by_one())
        group.create_task(clean_again_and_again())
        group.create_task(clean_again_and_again())
        group.create_task(cleaned.plan(source_file(third), third))
        rebuilds = [
            group.create_task(cleaned.command(command_record(RebuildClean(reason="a test", actor="x"), uuid4())))
            for _ in range(6)
        ]
    await cleaned.clean()

    assert all(task.exception() is None for task in rebuilds)
    outcomes = await cleaned.admin.fetch("SELECT outcome FROM ingest.inbox WHERE consumer = 'ingestor'")
    assert [row["outcome"] for row in outcomes] == ["applied"] * 6
    assert await cleaned.totals() == {"published": 4900, "stored": 4900, "duplicate": 0, "quarantined": 0}
    assert await cleaned.rows("clean") == 4900
    assert await differences(cleaned) == 0


async def test_a_record_that_is_no_command_for_the_ingestor_is_parked_with_its_bytes(cleaned):
    """The topic has one partition: what could not be set aside would stop every command behind it."""
    good = command_record(RebuildClean(reason="a test", actor="tester"), uuid4())
    for offset, value in enumerate((b"{", b'{"reason": ""}')):
        await cleaned.command(replace(good, value=value, offset=offset))
    letters = await cleaned.admin.fetch(
        "SELECT value FROM ingest.outbox WHERE topic = $1 ORDER BY id", f"{QUARANTINE_COMMANDS.name}.dlq"
    )
    assert [letter["value"] for letter in letters] == [b"{", b'{"reason": ""}']
