"""A run is verified when the store holds exactly what the source file says, and only then."""

import asyncio
from uuid import UUID

import pytest
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.verification.store import AuditStore
from readmit_cli.verification.verify import find_run, verify_run
from readmit_contracts.batches import content_sha256
from readmit_contracts.source import SourceFile
from readmit_runtime.database import connect
from support.encounters import source_file
from support.planned_store import PlannedStore, lines_of, records

ROWS = 1_800
# One row in a hundred may be in quarantine, so each split needs some hundreds of rows to have one.
BAD_AT, TWICE_AT = 4, 6


def lines() -> list[str]:
    """Give a file with one row that breaks a rule and one that comes twice, in whatever split they fall."""
    made = lines_of(ROWS, at={BAD_AT: {"race": "Martian"}})
    return [*made, made[TWICE_AT]]


class Ingested:
    """A dataset that went through the whole ingestion; what a test alters is taken back after it."""

    def __init__(self, settings, run_id, source) -> None:
        self._settings = settings
        self.run_id = run_id
        self.source = source

    async def after(self, *statements: str, run_id: UUID | None = None, source: SourceFile | None = None):
        """Alter the store by hand, check the run, and take the alterations back."""
        connection = await connect(self._settings)
        altering = connection.transaction()
        await altering.start()
        try:
            for statement in statements:
                await connection.execute(statement)
            store = AuditStore(connection)
            run = await find_run(store, run_id or self.run_id)
            return await verify_run(store, run, source or self.source, lambda checked, total: None)
        finally:
            await altering.rollback()
            await connection.close()


@pytest.fixture(scope="module")
def ingested(database_settings, service_database, tmp_path_factory) -> Ingested:
    """Give the ingested dataset, one for all tests of the module."""
    source = source_file(lines())

    async def ingest() -> UUID:
        admin = await connect(database_settings)
        try:
            store = PlannedStore(admin, service_database("readmit_ingestor"), tmp_path_factory.mktemp("dataset"))
            run_id = await store.plan(source, lines())
            await store.store(records(source))
            await store.clean()
        finally:
            await admin.close()
        return run_id

    return Ingested(database_settings, asyncio.run(ingest()), source)


async def test_an_ingested_run_is_verified_with_every_row_accounted_for(ingested):
    """Stored, duplicate and quarantined rows each once; nothing missing."""
    report = await ingested.after()
    assert report.verdict == "verified", report.differences
    terms = report.terms()
    assert (terms.planned, terms.published, terms.missing) == (ROWS + 1, ROWS + 1, 0)
    assert (terms.stored, terms.duplicate, terms.quarantined, terms.discarded) == (ROWS - 1, 1, 1, 0)
    assert report.batches_sha256 is not None


async def test_the_hash_of_a_batch_is_the_one_of_its_stored_source_lines(ingested):
    """So it can be derived from the file alone."""
    report = await ingested.after()
    batch = next(batch for batch in report.batches if batch.terms.stored == batch.terms.planned)
    rows = ingested.source.lines(batch.split)
    assert batch.sha256 == content_sha256(b"1,%d,%b" % (row_no, line) for row_no, line in enumerate(rows))


async def test_a_discarded_row_is_a_term_of_the_sum(ingested):
    """It was given up by a decision, and is accounted for all the same."""
    report = await ingested.after(
        "UPDATE ingest.quarantine SET state = 'discarded'",
        "UPDATE ingest.batches SET quarantined = 0, discarded = 1 WHERE quarantined = 1",
    )
    assert report.verdict == "verified", report.differences
    assert report.terms().discarded == 1


@pytest.mark.parametrize(
    ("statement", "table", "row_no", "column"),
    [
        ("UPDATE raw.train SET num_medications = 99 WHERE row_no = 501", "raw.train", 501, "num_medications"),
        ("UPDATE raw.test SET race = E'a,\"b\\nc' WHERE row_no = 2", "raw.test", 2, "race"),
        ("UPDATE raw.test SET encounter_id = 1999999999 WHERE row_no = 2", "raw.test", 2, "encounter_id"),
        ("DELETE FROM raw.validation WHERE row_no = 3", "raw.validation", 3, None),
        ("UPDATE raw.train SET row_no = row_no + 100000 WHERE row_no = 7", "raw.train", 7, None),
        ("UPDATE raw.train SET dataset_no = 2 WHERE row_no = 7", "raw.train", 7, None),
        ("UPDATE clean.test SET age = 0 WHERE row_no = 5", "clean.test", 5, "age"),
        ("UPDATE clean.test SET race = NULL WHERE row_no = 5", "clean.test", 5, "race"),
        ("DELETE FROM clean.train WHERE row_no = 8", "clean.train", 8, None),
        ("UPDATE ingest.batches SET stored = stored - 1, duplicate = duplicate + 1 WHERE split = 'test'",
         "ingest.batches", None, "stored"),
        ("UPDATE ingest.batches SET sha256 = repeat('0', 64) WHERE split = 'test'", "ingest.batches", None, "sha256"),
        ("DELETE FROM ingest.chunks WHERE split = 'test'", "raw.test", 0, None),
        ("UPDATE ingest.chunks SET sha256 = repeat('0', 64) WHERE split = 'test'", "ingest.chunks", None, "sha256"),
        ("UPDATE ingest.planned_chunks SET rows = 1 WHERE split = 'test'", "ingest.planned_chunks", None, "rows"),
        ("UPDATE ingest.datasets SET rows = 1", "ingest.datasets", None, "rows"),
        ("UPDATE ingest.batches SET state = 'stored', sha256 = NULL WHERE split = 'test'", "ingest.runs", None, None),
        ("DELETE FROM ingest.run_batches WHERE split = 'test'", "ingest.run_batches", None, None),
        ("UPDATE ingest.runs SET requested = '{\"train\": [0, 1]}'", "ingest.run_batches", None, None),
        ("UPDATE ingest.runs SET requested = '{\"train\": {\"next\": 1}, \"test\": \"all\"}'",
         "ingest.run_batches", None, None),
        ("DELETE FROM ingest.planned_chunks WHERE split = 'test'", "ingest.planned_chunks", None, None),
        ("UPDATE ingest.planned_chunks SET first_row = 1 WHERE split = 'test'",
         "ingest.planned_chunks", None, "first_row"),
    ],
)  # fmt: skip
async def test_whatever_is_altered_by_hand_is_named(ingested, statement, table, row_no, column):
    """Table, row and column, so that a person finds it; whoever altered it may have altered anything."""
    report = await ingested.after(statement)
    assert report.verdict == "differs"
    named = [(difference.table, difference.row_no, difference.column) for difference in report.differences]
    assert (table, row_no, column) in named


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("DELETE FROM ingest.duplicates", "raw"),
        ("UPDATE ingest.duplicates SET first_row_no = first_row_no + 1", "ingest.duplicates"),
        ("DELETE FROM ingest.quarantine", "raw"),
        ("UPDATE ingest.quarantine SET line = line || 'x'::bytea", "ingest.quarantine"),
        ("UPDATE ingest.quarantine SET batch = 1", "ingest.quarantine"),
        ("UPDATE ingest.quarantine SET reason = 'ENCODING'", "ingest.quarantine"),
        ("UPDATE ingest.quarantine SET reason = 'OTHER_SPLIT', field = 'encounter_id'", "ingest.quarantine"),
        ("UPDATE ingest.quarantine SET field = 'gender'", "ingest.quarantine"),
        ("UPDATE ingest.quarantine SET value = 'Venusian'", "ingest.quarantine"),
    ],
)
async def test_a_row_set_aside_counts_only_with_its_record(ingested, statement, table):
    """Without it the row was lost, and a counter would hide that."""
    report = await ingested.after(statement)
    assert report.verdict == "differs"
    assert any(
        difference.table.startswith(table) and difference.row_no is not None for difference in report.differences
    )


@pytest.mark.parametrize("table", ["raw.train", "clean.train"])
async def test_rows_that_belong_to_no_batch_are_counted(ingested, table):
    """Nothing may stand in the store that no plan knows."""
    report = await ingested.after(f"UPDATE {table} SET row_no = -1 WHERE row_no = 9")
    strays = [difference for difference in report.differences if "belong to no batch" in difference.what]
    assert [difference.table for difference in strays] == [table]


async def test_no_difference_holds_a_value_of_a_row(ingested):
    """A report may be passed on."""
    report = await ingested.after("UPDATE raw.train SET race = 'Venusian', payer_code = 'Venusian'")
    assert report.differences_total > 1_000
    assert len(report.differences) == 1_000
    assert not any("Venusian" in str(difference) for difference in report.differences)


async def test_an_emptied_table_is_named_row_by_row_up_to_a_limit(ingested):
    """The worst case must end as well."""
    report = await ingested.after("TRUNCATE raw.train, clean.train")
    assert report.verdict == "differs"
    assert report.terms("train").stored == 0


async def test_after_a_reset_there_is_nothing_to_compare(ingested):
    """Neither proof nor difference: an exit code of its own."""
    with pytest.raises(CommandFailed, match="was reset") as caught:
        await ingested.after("UPDATE ingest.store SET generation = 2")
    assert caught.value.code is ExitCode.STORE_RESET


async def test_another_file_than_the_run_read_is_refused(ingested):
    """Every row would differ, and none of that would be the store's fault."""
    with pytest.raises(CommandFailed, match="--dataset"):
        await ingested.after(source=source_file(lines_of(10)))


async def test_a_run_that_does_not_exist_is_a_fault_of_the_command_line(ingested):
    """A typing mistake must not look like a failed proof."""
    with pytest.raises(CommandFailed, match="no run") as caught:
        await ingested.after(run_id=UUID(int=0))
    assert caught.value.code is ExitCode.USAGE
