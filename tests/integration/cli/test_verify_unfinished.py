"""Runs that are not yet, or no longer, what a file and a store make of them."""

from support.encounters import all_chunks, delivered, source_file
from support.planned_store import lines_of, records

ROWS = 1_200
LINES = lines_of(ROWS)


async def test_a_run_of_which_chunks_are_missing_is_incomplete_and_what_is_there_is_right(store, check):
    """It says what is missing; that is neither proof nor a difference."""
    source = source_file(LINES)
    run_id = await store.plan(source, LINES)
    train = [delivered(chunk, offset=chunk.chunk) for chunk in all_chunks(source, 1) if chunk.split == "train"]
    await store.store(train[:1])
    report = await check(run_id, source)
    assert report.verdict == "incomplete", report.differences
    assert report.terms("train").published == 500
    assert report.terms().missing == ROWS - 500
    assert report.batches_sha256 is None


async def test_a_row_altered_in_an_incomplete_run_is_a_difference(store, check):
    """What is there must be right at any time."""
    source = source_file(LINES)
    run_id = await store.plan(source, LINES)
    await store.store(records(source)[:1])
    await store.admin.execute("UPDATE raw.train SET race = 'x' WHERE row_no = 1")
    report = await check(run_id, source)
    assert [(difference.row_no, difference.column) for difference in report.differences] == [(1, "race")]


async def test_rows_that_another_dataset_brought_before_are_duplicates_of_its_rows(store, check):
    """The same encounters in a second file are stored once and accounted for twice."""
    first, second = lines_of(900), [*lines_of(900), *lines_of(1_200)[900:]]
    for made in (first, second):
        source = source_file(made)
        run_id = await store.plan(source, made)
        number = await store.admin.fetchval(
            "SELECT dataset_no FROM ingest.datasets WHERE dataset_id = $1", source.dataset_id
        )
        await store.store(records(source, number))
        await store.clean()
    report = await check(run_id, source)
    assert report.verdict == "verified", report.differences
    assert (report.terms().stored, report.terms().duplicate) == (300, 900)
