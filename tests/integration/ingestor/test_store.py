"""The storing transaction against a real Postgres, in the role of the ingestor."""

import asyncio
import hashlib
from dataclasses import replace

import asyncpg
import pytest
from ingestor.chunks.handler import read
from ingestor.chunks.store import store_group
from readmit_contracts.chunks import Chunk
from readmit_contracts.source import SPLITS, SourceFile
from readmit_contracts.tables import line_expression
from readmit_runtime.database import connect
from readmit_runtime.dead_letters import DeadLetterLimit, TooManyDeadLetters
from readmit_runtime.messages import IncomingRecord
from support.encounters import all_chunks, delivered, encounter, encounters, source_file
from support.planned_store import lines_of, records


async def test_a_group_stored_twice_has_one_effect(store):
    """Kafka delivers at least once; the ledger makes the second time nothing."""
    lines = lines_of(1200)
    source = source_file(lines)
    await store.plan(source, lines)
    first = await store.store(records(source))
    again = await store.store(records(source))
    assert first.rows("stored") == await store.rows("raw") == 1200
    assert (again.rows("published"), again.chunks_repeated) == (0, first.chunks_stored)
    assert await store.totals() == {"published": 1200, "stored": 1200, "duplicate": 0, "quarantined": 0}
    assert await store.events("BatchStored") == 3


async def test_rows_are_stored_byte_for_byte(store):
    """What went in can be written back as the file's own lines."""
    lines = lines_of(700)
    source = source_file(lines)
    await store.plan(source, lines)
    await store.store(records(source))
    for split in SPLITS:
        kept = await store.admin.fetch(f"SELECT {line_expression()} AS line FROM raw.{split} ORDER BY row_no")
        expected = [b"1,%d,%b" % (row, line) for row, line in enumerate(source.lines(split))]
        assert [row["line"].encode() for row in kept] == expected


async def test_the_same_chunk_at_two_ingestors_at_once_is_stored_by_one(store):
    """A rebalance can leave a zombie writing beside the new owner; the ledger's key is the fence."""
    lines = lines_of(900)
    source = source_file(lines)
    await store.plan(source, lines)
    outcomes = await asyncio.gather(*(store.store(records(source)) for _ in range(4)))
    assert sum(outcome.rows("stored") for outcome in outcomes) == await store.rows("raw") == 900
    assert await store.events("BatchStored") == 3


async def test_two_ingestors_that_finish_a_batch_together_announce_it_once(store):
    """Without the batch's lock both would see the other's chunk missing, and nobody would finish it."""
    lines = lines_of(3000)
    source = source_file(lines)
    run_id = await store.plan(source, lines)
    every = records(source)
    outcomes = await asyncio.gather(*(store.store([record]) for record in every))
    assert sum(outcome.batches_stored for outcome in outcomes) == 3
    assert await store.clean() == 3
    assert await store.state(run_id) == "completed"
    assert await store.events("IngestionCompleted") == 1


async def test_a_chunk_with_other_content_than_planned_is_parked_and_fails_its_batch(store):
    """Two chunks under one name cannot both be right; a person has to look."""
    lines = lines_of(1200)
    source = source_file(lines)
    run_id = await store.plan(source, lines)
    first, *others = list(all_chunks(source, 1))
    forged_payload = first.payload.replace(b"Caucasian", b"Hispanic", 1)
    forged = Chunk(
        **{**_fields(first), "payload": forged_payload, "sha256": hashlib.sha256(forged_payload).hexdigest()}
    )
    outcome = await store.store([delivered(forged), *(delivered(chunk) for chunk in others)])
    assert [parked.reason for parked in outcome.parked] == ["CHUNK_CONFLICT"]
    assert outcome.rows("stored") == 1200 - first.rows
    assert await store.state(run_id) == "failed"
    assert await store.events("BatchFailed") == await store.events("IngestionFailed") == 1


def _fields(chunk: Chunk) -> dict[str, object]:
    return {name: getattr(chunk, name) for name in Chunk.__struct_fields__}


async def test_a_chunk_of_no_plan_is_parked_and_its_neighbours_are_stored(store):
    """A stranger's chunk must not stop the group."""
    lines = lines_of(600)
    source = source_file(lines)
    await store.plan(source, lines)
    stranger = next(all_chunks(encounters(600, first=90_000), 7))
    outcome = await store.store([delivered(stranger), *records(source)])
    assert [parked.reason for parked in outcome.parked] == ["UNKNOWN_BATCH"]
    assert await store.rows("raw") == 600


async def test_a_chunk_of_another_dataset_under_a_known_number_is_parked_and_fails_no_batch(store):
    """A topic may outlive its database: an old chunk says nothing about the batch that has its place now."""
    lines = lines_of(600)
    source = source_file(lines)
    run_id = await store.plan(source, lines)
    foreign = records(encounters(600, first=90_000))
    outcome = await store.store([*foreign, *records(source)])
    assert {parked.reason for parked in outcome.parked} == {"UNKNOWN_BATCH"}
    assert await store.rows("raw") == 600
    assert await store.clean() == 3
    assert await store.state(run_id) == "completed"


async def test_a_batch_that_fails_again_after_a_resume_is_announced_again(store):
    """Whoever waits for the events would otherwise take it for resumed."""
    lines = lines_of(600)
    source = source_file(lines)
    await store.plan(source, lines)
    conflicting = [replace(record, offset=1) for record in records(source)[:1]]
    await store.admin.execute("UPDATE ingest.planned_chunks SET sha256 = repeat('0', 64) WHERE split = 'train'")
    for _ in range(2):
        await store.store(conflicting)
        await store.admin.execute(
            "UPDATE ingest.batches SET state = 'planned', failed_reason = NULL, failed_detail = NULL "
            "WHERE state = 'failed'"
        )
    assert await store.events("BatchFailed") == 2


async def test_a_chunk_of_an_older_generation_changes_nothing(store):
    """After a reset, what is still in Kafka belongs to the store that was."""
    lines = lines_of(600)
    source = source_file(lines)
    await store.plan(source, lines)
    await store.admin.execute("UPDATE ingest.store SET generation = 2")
    outcome = await store.store(records(source, generation=1))
    assert outcome.chunks_outdated == len(records(source))
    assert (await store.rows("raw"), len(outcome.parked)) == (0, 0)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda record: replace(record, value=None), "EMPTY"),
        (lambda record: replace(record, value=record.value + b"x"), "CHUNK_SHA256"),
        (lambda record: replace(record, headers=record.headers[:-1]), "MISSING_HEADER"),
        (lambda record: _header(record, "readmit_rows", b"501"), "TOO_MANY_ROWS"),
        (lambda record: _header(record, "readmit_rows", b"x"), "HEADER_INVALID"),
        (lambda record: _header(record, "readmit_split", b"holdout"), "UNKNOWN_SPLIT"),
        (lambda record: _header(record, "ce_type", b"readmit.Other.v1"), "UNKNOWN_TYPE"),
        (lambda record: replace(record, headers=()), "DECODE"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_unusable_record_is_parked_once_with_its_bytes_and_its_neighbours_are_stored(store, damage, reason):
    """Nothing is lost: the operator finds the original in the dead letter topic, however often it came."""
    lines = lines_of(800)
    source = source_file(lines)
    await store.plan(source, lines)
    bad, *good = records(source)
    bad = damage(bad)
    for _ in range(2):
        outcome = await store.store([bad, *good])
        assert [parked.reason for parked in outcome.parked] == [reason]
    letters = await store.admin.fetch("SELECT * FROM ingest.outbox WHERE topic LIKE '%.dlq'")
    assert [letter["value"] for letter in letters] == [bad.value]
    why = dict(zip(letters[0]["header_names"], letters[0]["header_values"], strict=True))
    assert (why["readmit_dlq_reason"], why["readmit_dlq_offset"]) == (reason.encode(), b"%d" % bad.offset)
    assert (await store.totals())["stored"] == 800 - _rows(source)


def _header(record: IncomingRecord, name: str, value: bytes) -> IncomingRecord:
    return replace(record, headers=tuple((key, value if key == name else old) for key, old in record.headers))


def _rows(source: SourceFile) -> int:
    return next(all_chunks(source, 1)).rows


async def test_bad_rows_are_set_aside_and_their_neighbours_stored(store):
    """One bad row in a hundred is a patient's record, not a broken source."""
    lines = lines_of(1500, at={7: {"race": "Martian"}, 300: {"time_in_hospital": "15"}})
    source = source_file(lines)
    run_id = await store.plan(source, lines)
    outcome = await store.store(records(source))
    assert outcome.rows("quarantined") == 2
    assert await store.totals() == {"published": 1500, "stored": 1498, "duplicate": 0, "quarantined": 2}
    parked = await store.admin.fetch("SELECT reason, field, value, line FROM ingest.quarantine ORDER BY field")
    assert [(row["reason"], row["field"], row["value"]) for row in parked] == [
        ("NOT_ALLOWED", "race", "Martian"),
        ("OUT_OF_RANGE", "time_in_hospital", "15"),
    ]
    assert parked[0]["line"].partition(b",")[2].partition(b",")[2] == lines[7].encode()
    assert await store.events("BatchFailed") == 0
    await store.clean()
    assert await store.state(run_id) == "completed"
    letters = await store.admin.fetch("SELECT header_values FROM ingest.outbox WHERE topic LIKE '%.dlq'")
    assert len(letters) == 2
    assert not any(b"Martian" in value for letter in letters for value in letter["header_values"])


async def test_a_batch_over_the_quarantine_limit_fails_with_the_runs_that_want_it(store):
    """Above one in a hundred nothing may be trained on it until somebody looked."""
    lines = lines_of(1500, at={row: {"race": "Martian"} for row in range(0, 1500, 20)})
    source = source_file(lines)
    run_id = await store.plan(source, lines)
    outcome = await store.store(records(source))
    assert outcome.batches_failed == 3
    assert await store.state(run_id) == "failed"
    assert await store.events("IngestionFailed") == 1


async def test_twenty_bad_rows_in_a_row_fail_the_batch(store):
    """Far below one in a hundred, a run of bad rows still means that the source broke there."""
    lines = lines_of(8000)
    source = source_file(lines)
    train = [lines.index(line.decode()) for line in source.lines("train")[40:60]]
    lines = lines_of(8000, at={row: {"gender": "x"} for row in train})
    source = source_file(lines)
    run_id = await store.plan(source, lines)
    outcome = await store.store(records(source))
    assert (outcome.rows("quarantined"), outcome.batches_failed) == (20, 1)
    assert await store.state(run_id) == "failed"


async def test_an_encounter_that_is_already_there_is_a_duplicate_or_a_conflict_by_its_content(store):
    """A second export repeats old encounters; the same content is harmless, other content needs a decision."""
    old = lines_of(2000)
    await store.plan(source_file(old), old)
    await store.store(records(source_file(old)))
    changed = {row: {"race": "Asian"} for row in range(6)}
    new = [*lines_of(1200, at=changed)[:1200], *[encounter(number) for number in range(5000, 6000)]]
    second = source_file(new)
    await store.plan(second, new)
    outcome = await store.store(records(second, dataset_no=2))
    assert (outcome.rows("stored"), outcome.rows("duplicate"), outcome.rows("quarantined")) == (1000, 1194, 6)
    assert outcome.quarantined == {"ENCOUNTER_CONFLICT": 6}
    assert await store.rows("raw") == 3000
    assert await store.rows("ingest.duplicates") == 1194


async def test_an_encounter_twice_in_one_group_is_stored_once(store):
    """The first in file order stands; the second is accounted for like any other repeat."""
    lines = lines_of(400)
    lines[399] = lines[0]
    lines[398] = encounter(2, race="Asian")
    source = source_file(lines)
    await store.plan(source, lines)
    outcome = await store.store(records(source))
    assert (outcome.rows("stored"), outcome.rows("duplicate"), outcome.rows("quarantined")) == (398, 1, 1)


async def test_a_whole_topic_of_unusable_records_stops_the_process_and_parks_nothing(store):
    """After a wrong release the fault is here, not in a thousand messages."""
    lines = lines_of(300)
    source = source_file(lines)
    await store.plan(source, lines)
    bad = [replace(record, value=b"x", offset=offset) for offset, record in enumerate(records(source) * 4)]
    with pytest.raises(TooManyDeadLetters):
        await store.store(bad, limit=5)
    assert await store.rows("ingest.outbox") == await store.events("IngestionPlanned") == 1


async def test_a_group_that_has_to_come_again_counts_once_towards_the_limit(store):
    """A lock that is held for long must not end the process as if thousands of messages were unusable."""
    lines = lines_of(600)
    source = source_file(lines)
    await store.plan(source, lines)
    good, *bad = records(source)
    bad = [replace(record, value=b"x") for record in bad] * 2
    limit = DeadLetterLimit(len(bad))
    connection = await connect(store.settings)
    try:
        await connection.execute("SET lock_timeout = '100ms'")
        async with store.admin.transaction():
            await store.admin.execute("LOCK TABLE ingest.outbox IN EXCLUSIVE MODE")
            for _ in range(3):
                with pytest.raises(asyncpg.LockNotAvailableError):
                    await store_group(connection, *read(bad), limit)
        await store_group(connection, *read(bad), limit)
        with pytest.raises(TooManyDeadLetters):
            await store_group(connection, *read([replace(good, value=b"x")]), limit)
    finally:
        await connection.close()


async def test_a_transaction_that_breaks_leaves_nothing(store):
    """All or nothing: a connection that dies inside the group costs a redelivery, never half a group."""
    lines = lines_of(900)
    source = source_file(lines)
    await store.plan(source, lines)
    other = await connect(store.settings)
    connection = await connect(store.settings)
    pid = await connection.fetchval("SELECT pg_backend_pid()")
    async with asyncio.timeout(15), other.transaction():
        await other.execute("SELECT 1 FROM ingest.batches FOR UPDATE")
        storing = asyncio.create_task(store_group(connection, *read(records(source)), DeadLetterLimit(9)))
        while not await other.fetchval("SELECT count(*) FROM pg_locks WHERE pid = $1 AND NOT granted", pid):
            await asyncio.sleep(0.02)
        await other.execute("SELECT pg_terminate_backend($1)", pid)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await storing
    await other.close()
    assert (await store.rows("raw"), await store.rows("ingest.chunks")) == (0, 0)
    await store.store(records(source))
    assert await store.rows("raw") == 900
