"""Rows that no table takes as they are, checked against what was recorded of them."""

import asyncpg
import pytest
from readmit_cli.verification.store import AuditStore
from readmit_cli.verification.verify import find_run, verify_run
from readmit_runtime.database import connect
from support.encounters import encounter, source_file
from support.planned_store import lines_of, records

ODD = (
    encounter(90_001, race="Mar\0tian"),
    encounter(90_002, race='"Caucasian"'),
    encounter(90_003, race="Cauca\rsian"),
    encounter(90_004, race="Caucasian") + "\r",
    encounter(90_005, race="\\."),
    encounter(90_006, race="\udcff\udcfe"),
    encounter(90_007, race="Mårtian"),
    encounter(90_008, race=""),
    encounter(90_009, race="x" * 3_000),
    encounter(90_010) + ",one more,and one",
    encounter(90_011) + ",\udcff",
    encounter(90_012).rpartition(",")[0],
    encounter(2_000_000_001),
    encounter(90_014, time_in_hospital="03"),
    encounter(90_015, num_medications="9" * 5_000),
    encounter(90_016, patient_nbr=""),
    "",
    ",",
    "\0",
)


async def test_every_odd_row_is_in_quarantine_with_its_own_line_and_fault(store, check):
    """Whatever a file holds is set aside byte for byte, and the check finds the same fault in the source."""
    lines = [*lines_of(6_000), *ODD]
    source = source_file(lines)
    run_id = await store.plan(source, lines)
    await store.store(records(source))
    await store.clean()
    report = await check(run_id, source)
    assert report.verdict == "verified", report.differences
    assert (report.terms().stored, report.terms().quarantined) == (6_000, len(ODD))


async def test_a_row_that_conflicts_with_another_dataset_is_recorded_as_what_it_is(store, check):
    """Of its line alone nobody could say what is wrong with it."""
    for made in (lines_of(1_200), [encounter(5, race="Asian"), *(encounter(number) for number in range(5_000, 6_200))]):
        source = source_file(made)
        run_id = await store.plan(source, made)
        number = await store.admin.fetchval("SELECT max(dataset_no) FROM ingest.datasets")
        await store.store(records(source, number))
        await store.clean()
    report = await check(run_id, source)
    assert report.verdict == "verified", report.differences
    assert report.terms().quarantined == 1


async def test_a_reset_waits_for_a_check_that_is_under_way(store, service_database):
    """A table that is truncated is empty in every snapshot: all its rows would be reported as lost."""
    lines = lines_of(600)
    source = source_file(lines)
    run_id = await store.plan(source, lines)
    await store.store(records(source))
    await store.clean()
    auditor = await connect(service_database("readmit_auditor"))
    try:
        async with AuditStore.snapshot(auditor) as snapshot:
            run = await find_run(snapshot, run_id)
            await store.admin.execute("SET lock_timeout = '200ms'")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await store.admin.execute("TRUNCATE raw.train, ingest.chunks")
            report = await verify_run(snapshot, run, source, lambda checked, total: None)
        assert report.verdict == "verified", report.differences
        await store.admin.execute("TRUNCATE raw.train, ingest.chunks")
    finally:
        await auditor.close()
