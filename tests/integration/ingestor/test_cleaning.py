"""The cleaning transaction against a real Postgres, in the role of the ingestor."""

import asyncio

from ingestor.cleaning.store import complete_waiting_runs
from readmit_contracts.batches import content_sha256
from readmit_contracts.source import SPLITS, split_of
from readmit_runtime.database import connect
from support.encounters import encounter, source_file
from support.planned_store import lines_of, records


async def test_cleaning_fills_the_typed_tables_and_hashes_the_content(store):
    """The hash names the batch's content to everyone who trains on it."""
    lines = lines_of(1000)
    source = source_file(lines)
    run_id = await store.plan(source, lines)
    await store.store(records(source))
    assert await store.clean() == 3
    assert await store.rows("clean") == 1000
    for split in SPLITS:
        expected = content_sha256(b"1,%d,%b" % (row, line) for row, line in enumerate(source.lines(split)))
        assert expected == await store.admin.fetchval("SELECT sha256 FROM ingest.batches WHERE split = $1", split)
    assert await store.state(run_id) == "completed"


async def test_two_cleaners_at_once_complete_a_run_once(store):
    """Cleaning is serial whoever does it, and who comes second waits: woken for a batch, it must not miss it."""
    lines = lines_of(1000)
    source = source_file(lines)
    run_id = await store.plan(source, lines)
    await store.store(records(source))
    cleaned = await asyncio.gather(*(store.clean() for _ in range(4)))
    assert sum(cleaned) == 3
    assert await store.state(run_id) == "completed"
    assert await store.events("IngestionCompleted") == 1
    assert await store.events("BatchCleaned") == 3


async def test_a_run_whose_completion_was_missed_is_completed_by_the_sweep(store):
    """Whatever lost the moment, the next sweep finds it."""
    lines = lines_of(300)
    source = source_file(lines)
    run_id = await store.plan(source, lines)
    await store.store(records(source))
    await store.clean()
    await store.admin.execute("UPDATE ingest.runs SET state = 'streaming', finished_at = NULL")
    await store.admin.execute("DELETE FROM ingest.outbox")
    connection = await connect(store.settings)
    assert await complete_waiting_runs(connection) == 1
    await connection.close()
    assert await store.state(run_id) == "completed"


async def test_an_encounter_in_two_splits_is_set_aside_when_the_later_batch_is_cleaned(store):
    """A second export may give an encounter to another patient; a test row must not be trained on."""
    old = lines_of(900)
    first = source_file(old)
    await store.plan(first, old)
    await store.store(records(first))
    await store.clean()
    moved = [line.decode() for line in first.lines("train")[:3]]
    patients = iter(_patients_of("test"))
    new = [",".join([fields[0], next(patients), *fields[2:]]) for fields in (line.split(",") for line in moved)]
    new += [encounter(number) for number in range(10_000, 12_000)]
    second = source_file(new)
    await store.plan(second, new)
    await store.store(records(second, dataset_no=2))
    await store.clean()
    assert await store.admin.fetchval("SELECT count(*) FROM ingest.quarantine WHERE reason = 'OTHER_SPLIT'") == 3
    totals = await store.totals()
    assert totals["published"] == totals["stored"] + 3 == 2903
    both = "SELECT count(*) FROM raw.train JOIN raw.test USING (encounter_id)"
    assert await store.admin.fetchval(both) == 0


def _patients_of(split: str) -> list[str]:
    return [str(number) for number in range(1, 200) if split_of(str(number)) == split]
