"""What a StartIngestion leaves behind: all of the plan or nothing, once."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest
from readmit_contracts import ids
from readmit_contracts.chunks import cut
from readmit_contracts.commands import CancelIngestion, NextBatches, StartIngestion
from readmit_contracts.events import IngestionCompleted, IngestionFailed, IngestionPlanned
from readmit_contracts.reasons import Reason
from readmit_contracts.source import SPLITS
from readmit_runtime.database import connect
from readmit_runtime.settings import PostgresSettings
from support.batch_producer_rig import Rig
from support.command_records import command_record
from support.skeleton_dataset import write_skeleton


async def test_a_start_plans_every_chunk_of_the_dataset_and_the_batches_asked_for(rig: Rig) -> None:
    """Streaming, counting and verifying rely on the plan alone; the digests must be those of the bytes sent."""
    run_id = await rig.start(train=(2, 0, 2), validation="all")

    source = await rig.dataset.read()
    expected = {
        (split, batch.batch, chunk.chunk): (chunk.first_row, chunk.rows, chunk.sha256)
        for split in SPLITS
        for batch in source.batches(split)
        for chunk in cut(
            source.batch_lines(batch),
            dataset_id=source.dataset_id,
            dataset_no=1,
            generation=1,
            split=split,
            batch=batch.batch,
            first_row=batch.first_row,
        )
    }
    rows = await rig.admin.fetch("SELECT * FROM ingest.planned_chunks")
    assert {
        (row["split"], row["batch"], row["chunk"]): (row["first_row"], row["rows"], row["sha256"]) for row in rows
    } == expected
    batches = await rig.admin.fetch("SELECT split, batch, planned_rows, state FROM ingest.batches ORDER BY 1, 2")
    assert [tuple(batch) for batch in batches] == [
        ("train", 0, 15_000, "planned"),
        ("train", 1, 15_000, "planned"),
        ("train", 2, 700, "planned"),
        ("validation", 0, 1_200, "planned"),
    ]
    assert await rig.wanted(run_id) == [("train", 0), ("train", 2), ("validation", 0)]


async def test_a_planned_run_is_announced_with_what_it_wants(rig: Rig) -> None:
    """Whoever follows the events must not need the database to know what a run is."""
    command_id = uuid4()

    done = await rig.do(StartIngestion(batches={"train": (1,)}, then="train"), command_id=command_id)

    source = await rig.dataset.read()
    assert (done["outcome"], done["subject"]) == ("accepted", str(ids.run_id(command_id)))
    assert await rig.events(IngestionPlanned) == [
        IngestionPlanned(
            run_id=ids.run_id(command_id),
            command_id=command_id,
            dataset_id=source.dataset_id,
            dataset_no=1,
            generation=1,
            batches={"train": (1,)},
            rows=15_000,
            then="train",
        )
    ]


async def test_a_redelivered_command_changes_nothing(rig: Rig) -> None:
    """Kafka delivers at least once; a second delivery must not be a second run."""
    command, command_id = StartIngestion(batches={"train": "all"}), uuid4()
    first = await rig.do(command, command_id=command_id)
    before = [await rig.count(f"ingest.{table}") for table in ("runs", "run_batches", "outbox", "inbox", "batches")]

    again = await rig.do(command, command_id=command_id)

    after = [await rig.count(f"ingest.{table}") for table in ("runs", "run_batches", "outbox", "inbox", "batches")]
    assert (again, after) == (first, before)


async def test_the_same_id_with_other_content_is_parked_and_the_run_stays(rig: Rig) -> None:
    """Whoever reuses an id has made an error; acting on either content a second time would hide it."""
    command_id = uuid4()
    await rig.do(StartIngestion(batches={"train": (0,)}), command_id=command_id)

    done = await rig.do(StartIngestion(batches={"train": (1,)}), command_id=command_id)

    reason = await rig.admin.fetchval(
        "SELECT header_values[array_position(header_names, 'readmit_dlq_reason')] FROM ingest.outbox "
        "WHERE topic LIKE '%.dlq'"
    )
    assert reason == Reason.COMMAND_CONFLICT.encode()
    assert done["outcome"] == "accepted"
    assert await rig.wanted(ids.run_id(command_id)) == [("train", 0)]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (StartIngestion(batches={"train": (0, 3)}), Reason.REFUSED),
        (StartIngestion(batches={"test": (0,)}), Reason.REFUSED),
        (StartIngestion(batches={"train": "all"}, dataset_sha256="0" * 64), Reason.DATASET_SHA256),
    ],
    ids=["past the end", "a split without batches", "another file"],
)
async def test_a_refused_command_plans_nothing_and_says_why(rig: Rig, command: StartIngestion, reason: Reason) -> None:
    """A plan that cannot be fulfilled must leave no trace but the refusal, on record and in the dead letters."""
    done = await rig.do(command)

    assert (done["outcome"], done["reason"]) == ("rejected", reason)
    assert done["detail"]
    assert [await rig.count(f"ingest.{table}") for table in ("datasets", "planned_chunks", "batches", "runs")] == [
        0
    ] * 4
    assert await rig.dead_letters() == 1


async def test_a_missing_dataset_refuses_the_command(rig: Rig) -> None:
    """A forgotten mount must show as a refusal with the path in it, not end the service."""
    rig.path.unlink()

    done = await rig.do(StartIngestion(batches={"train": "all"}))

    assert (done["outcome"], done["reason"]) == ("rejected", Reason.DATASET_MISSING)
    assert str(rig.path) in done["detail"]


async def test_a_file_with_a_chunk_over_the_size_limit_is_refused_at_planning(rig: Rig) -> None:
    """Found while streaming, it would leave a run that can never end."""
    whole = rig.path.read_bytes()
    rig.path.write_bytes(whole + b"1," + b"9" * 600_000 + b"\n")

    done = await rig.do(StartIngestion(batches={"validation": "all"}))

    assert (done["outcome"], done["reason"]) == ("rejected", Reason.TOO_LARGE)
    assert await rig.count("ingest.datasets") == 0


async def test_a_crash_before_the_commit_leaves_nothing(rig: Rig) -> None:
    """The plan is one transaction: half a plan would make chunks come before it."""
    await rig.admin.execute("ALTER TABLE ingest.outbox ADD CONSTRAINT broken CHECK (topic = '') NOT VALID")
    try:
        with pytest.raises(Exception, match="broken"):
            await rig.do(StartIngestion(batches={"train": "all"}))
    finally:
        await rig.admin.execute("ALTER TABLE ingest.outbox DROP CONSTRAINT broken")

    tables = ("inbox", "datasets", "planned_chunks", "batches", "runs", "run_batches", "outbox")
    assert [await rig.count(f"ingest.{table}") for table in tables] == [0] * len(tables)


async def test_next_takes_the_lowest_batches_that_nobody_has_done_or_wants(rig: Rig) -> None:
    """It is how a schedule works through a dataset without knowing what is done."""
    first = await rig.start(train=NextBatches(next=1))
    second = await rig.start(train=NextBatches(next=1))
    await rig.do(CancelIngestion(run_id=first, reason="test"))

    third = await rig.start(train=NextBatches(next=5))

    assert await rig.wanted(second) == [("train", 1)]
    assert await rig.wanted(third) == [("train", 0), ("train", 2)]


async def test_next_passes_over_what_is_stored_clean_or_failed(rig: Rig) -> None:
    """A failed batch waits for a person; asking for the next one must not run into it again."""
    await rig.start(validation="all")
    await rig.fill("train", 0, "failed", quarantined=200)
    await rig.fill("train", 1, "stored")

    run_id = await rig.start(train=NextBatches(next=2))

    assert await rig.wanted(run_id) == [("train", 2)]


async def test_next_with_none_left_completes_at_once_without_batches(rig: Rig) -> None:
    """The schedule's last call must end like any other, so that what waits for it goes on."""
    await rig.start(validation="all")

    run_id = await rig.start(validation=NextBatches(next=1))

    run = await rig.run(run_id)
    assert (run["state"], await rig.wanted(run_id)) == ("completed", [])
    assert [event.run_batches for event in await rig.events(IngestionCompleted)] == [()]


async def test_next_at_the_same_moment_never_gives_a_batch_twice(rig: Rig) -> None:
    """Two schedules may fire together; the store's lock is what keeps their batches apart."""
    await rig.start(validation="all")
    commands = [StartIngestion(batches={"train": NextBatches(next=1)}) for _ in range(3)]
    command_ids = [uuid4() for _ in commands]

    await asyncio.gather(
        *(
            rig.commands([command_record(command, command_id)])
            for command, command_id in zip(commands, command_ids, strict=True)
        )
    )

    wanted = [await rig.wanted(ids.run_id(command_id)) for command_id in command_ids]
    assert sorted(wanted) == [[("train", 0)], [("train", 1)], [("train", 2)]]


async def test_a_command_gets_its_turn_between_ingestors_that_hold_the_store_by_turns(
    rig: Rig, service_database: Callable[[str], PostgresSettings]
) -> None:
    """Two of them are never away together; commands, a cancel among them, must not wait for the end of a run."""
    ended = asyncio.Event()

    async def ingest(head_start_s: float) -> None:
        connection = await connect(service_database("readmit_ingestor"))
        try:
            await asyncio.sleep(head_start_s)
            while not ended.is_set():
                async with connection.transaction():
                    await connection.fetchval("SELECT generation FROM ingest.store FOR SHARE")
                    await asyncio.sleep(0.2)
        finally:
            await connection.close()

    async with asyncio.TaskGroup() as ingestors:
        ingestors.create_task(ingest(0))
        ingestors.create_task(ingest(0.1))
        await asyncio.sleep(0.3)
        try:
            async with asyncio.timeout(5):
                await rig.start(train=(0,))
        finally:
            ended.set()


async def test_two_runs_may_want_the_same_batches(rig: Rig) -> None:
    """A batch belongs to no run: both runs complete with it."""
    first, second = await rig.start(train=(0, 1)), await rig.start(train=(1, 2))

    assert await rig.wanted(first) == [("train", 0), ("train", 1)]
    assert await rig.wanted(second) == [("train", 1), ("train", 2)]


async def test_a_run_over_clean_batches_completes_at_once(rig: Rig) -> None:
    """Asking again for what is there must cost nothing and still be answered."""
    await rig.start(train=(0,))
    await rig.fill("validation", 0, "clean")
    command_id = uuid4()

    done = await rig.do(StartIngestion(batches={"validation": "all"}, then="train"), command_id=command_id)

    assert done["outcome"] == "applied"
    [completed] = await rig.events(IngestionCompleted)
    assert (completed.run_id, completed.then) == (ids.run_id(command_id), "train")
    assert [(ref.split, ref.batch, ref.rows) for ref in completed.run_batches] == [("validation", 0, 1_200)]
    assert completed.training_set == completed.run_batches


async def test_a_run_over_a_failed_batch_fails_at_once(rig: Rig) -> None:
    """Nothing would ever end it otherwise: the batch waits for a resume of some run."""
    await rig.start(validation="all")
    await rig.fill("train", 1, "failed", quarantined=200)

    run_id = await rig.start(train="all")

    [failed] = await rig.events(IngestionFailed)
    assert (failed.run_id, failed.reason) == (run_id, "QUARANTINE_LIMIT")
    assert (await rig.run(run_id))["state"] == "failed"


async def test_another_file_is_another_dataset_of_the_same_store(rig: Rig) -> None:
    """Rows carry the number of their dataset, so a second file must not be taken for the first."""
    first = await rig.start(train=(0,))
    write_skeleton(rig.path, train=800, first=1_000_000)

    second = await rig.start(train="all")

    assert [(await rig.run(run_id))["dataset_no"] for run_id in (first, second)] == [1, 2]
    assert await rig.wanted(second) == [("train", 0)]


async def test_every_run_of_one_dataset_shares_its_plan(rig: Rig) -> None:
    """Planning anew would be slow, and could differ."""
    await rig.start(train=(0,))
    before = await rig.count("ingest.planned_chunks")

    await rig.start(train=(1,))

    assert (await rig.count("ingest.planned_chunks"), await rig.count("ingest.datasets")) == (before, 1)


async def test_an_unreadable_command_is_parked_and_the_next_one_done(rig: Rig) -> None:
    """A bad message must not stop the ones behind it."""
    values = (b"{", b'{"batches":{"moon":"all"}}', b'{"batches":{"train":[-1]}}')
    for offset, value in enumerate(values):
        record = command_record(StartIngestion(batches={"train": "all"}), uuid4())
        await rig.commands([replace(record, value=value, offset=offset)])

    await rig.start(train=(0,))

    reasons = await rig.admin.fetch("SELECT reason FROM ingest.inbox WHERE outcome = 'rejected'")
    assert [row["reason"] for row in reasons] == [Reason.DECODE] * len(values)
    assert await rig.dead_letters() == len(values)
