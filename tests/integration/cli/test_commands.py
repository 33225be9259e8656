"""The commands as people and scripts run them: a process, its output, its exit code."""

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from readmit_cli.exit_codes import ExitCode
from readmit_contracts.commands import NextBatches
from readmit_contracts.topics import BATCHES, INGESTION_COMMANDS, INGESTION_EVENTS
from readmit_runtime.database import create_pool
from readmit_runtime.kafka_producer import KafkaProducer
from readmit_runtime.kafka_topic_reader import KafkaTopicReader
from readmit_runtime.messages import OutgoingRecord, outgoing
from readmit_runtime.producer_settings import ProducerSettings
from readmit_runtime.settings import KafkaSettings
from support.batch_producer_rig import Rig
from support.encounters import all_chunks, delivered, source_file
from support.ingestor_process import running_ingestor
from support.message_examples import EXAMPLES
from support.planned_store import lines_of, records, source_bytes

LINES = lines_of(900)
SOURCE = source_file(LINES)


@pytest.fixture
async def rig(store, service_database, tmp_path) -> AsyncIterator[Rig]:
    """Give the batch producer's way of handling commands, on the same database."""
    path = tmp_path / "dataset.csv"
    path.write_bytes(source_bytes(LINES))
    async with create_pool(service_database("readmit_batch_producer")) as pool:
        yield Rig(store.admin, pool, path)


@pytest.fixture
async def batch_producer(rig, kafka_bootstrap) -> AsyncIterator[None]:
    """Handle whatever comes in the command topic from now on, as the batch producer does."""
    reader = KafkaTopicReader(
        KafkaSettings(bootstrap_servers=kafka_bootstrap), INGESTION_COMMANDS.name, client_id="test"
    )
    await reader.start()
    while not reader.caught_up:
        await reader.read(0.1)

    async def handle() -> None:
        while True:
            await rig.commands(await reader.read(0.1))

    handling = asyncio.create_task(handle())
    yield
    handling.cancel()
    await asyncio.wait([handling])
    await reader.stop()


async def ingest(store) -> None:
    """Let the ingestor do its part for whatever is planned."""
    await store.store(records(SOURCE))
    await store.clean()


async def publish(kafka_bootstrap, *published: OutgoingRecord) -> None:
    """Put records into the real broker."""
    producer = KafkaProducer(KafkaSettings(bootstrap_servers=kafka_bootstrap), ProducerSettings(), client_id="test")
    try:
        for record in published:
            await producer.publish(record)
    finally:
        await producer.close()


async def test_a_started_run_is_followed_to_its_end_and_then_verified(readmit, store, batch_producer, rig):
    """The main job, from the shell."""
    starting = asyncio.create_task(readmit("ingest", "start", "--then", "nothing", "--json"))
    while not await store.admin.fetchval("SELECT count(*) FROM ingest.runs"):
        await asyncio.sleep(0.05)
    await ingest(store)
    started = await starting
    assert started.code == ExitCode.DONE, started.err
    run = json.loads(started.out)
    assert (run["state"], run["stored"], run["missing"]) == ("completed", 900, 0)

    verified = await readmit("ingest", "verify", run["run_id"], "--dataset", str(rig.path))
    assert verified.code == ExitCode.DONE, verified.out
    assert "published 900 = stored 900" in verified.out
    assert "verified  run" in verified.out

    await store.admin.execute("UPDATE raw.train SET num_medications = 99 WHERE row_no = 17")
    altered = await readmit("ingest", "verify", "last", "--dataset", str(rig.path))
    assert altered.code == ExitCode.FAILED
    assert "raw.train: train, batch 0, chunk 0, row 17, column num_medications" in altered.out
    machine = await readmit("ingest", "verify", "last", "--dataset", str(rig.path), "--json")
    assert json.loads(machine.out)["verdict"] == "differs"


async def test_ctrl_c_ends_the_waiting_and_leaves_the_run_going(readmit, store, batch_producer):
    """Who stops watching does not stop the work, and is told so."""

    async def run_is_planned() -> None:
        while not await store.admin.fetchval("SELECT count(*) FROM ingest.runs"):
            await asyncio.sleep(0.05)

    ended = await readmit("ingest", "start", "--train", "all", interrupt_when=run_is_planned)
    assert ended.code == ExitCode.INTERRUPTED
    run_id, state = await store.admin.fetchrow("SELECT run_id, state FROM ingest.runs")
    assert state == "planned"
    assert f"The run goes on: `readmit ingest status {run_id}`" in ended.err


async def test_a_refused_start_fails_with_the_reason(readmit, batch_producer):
    """A script must not go on as if rows had come."""
    refused = await readmit("ingest", "start", "--train", "99")
    assert refused.code == ExitCode.FAILED
    assert "There is no batch 99 of train" in refused.err


async def test_the_same_command_id_makes_one_run_and_other_content_is_refused(readmit, store, batch_producer):
    """A scheduler's retry repeats the command."""
    command_id = str(uuid4())
    asked = ("ingest", "start", "--train", "all", "--validation", "next:1", "--command-id", command_id)
    published = await readmit(*asked, "--no-wait", "--json")
    assert published.code == ExitCode.DONE
    again = asyncio.create_task(readmit(*asked))
    while not await store.admin.fetchval("SELECT count(*) FROM ingest.runs"):
        await asyncio.sleep(0.05)
    await ingest(store)
    assert (await again).code == ExitCode.DONE
    assert await store.admin.fetchval("SELECT count(*) FROM ingest.runs") == 1
    other = await readmit("ingest", "start", "--train", "all", "--command-id", command_id)
    assert other.code == ExitCode.FAILED
    assert "used before with other content" in other.err
    assert json.loads(published.out)["run_id"] in other.err


async def test_a_run_is_cancelled_and_the_store_reset_with_a_word_on_what_came_of_it(readmit, batch_producer, rig):
    """Each waits for the effect, and a refusal is a failure."""
    run_id = await rig.start(train="all")
    busy = await readmit("ingest", "reset", "--reason", "a fresh start", "--yes")
    assert busy.code == ExitCode.FAILED
    assert "STORE_BUSY" in busy.err
    cancelled = await readmit("ingest", "cancel", str(run_id)[:8], "--reason", "enough")
    assert (cancelled.code, cancelled.out) == (ExitCode.DONE, f"Run {run_id} is cancelled.\n")
    twice = await readmit("ingest", "cancel", str(run_id), "--reason", "enough")
    assert twice.code == ExitCode.FAILED
    reset = await readmit("ingest", "reset", "--reason", "a fresh start", "--yes")
    assert (reset.code, reset.out) == (ExitCode.DONE, "The store is empty; its generation is now 2.\n")
    after = await readmit("ingest", "verify", str(run_id), "--dataset", str(rig.path))
    assert after.code == ExitCode.STORE_RESET


async def test_a_failed_run_is_taken_up_again(readmit, batch_producer, rig):
    """Once its cause is gone, what has arrived need not be sent again; while it is there, the refusal names it."""
    run_id = await rig.start(train="all")
    await rig.fill("train", 0, "failed", quarantined=200)
    await rig.admin.execute(
        "UPDATE ingest.runs SET state = 'failed', finished_at = now(), reason = 'QUARANTINE_LIMIT' WHERE run_id = $1",
        run_id,
    )
    refused = await readmit("ingest", "resume", str(run_id)[:8])
    assert refused.code == ExitCode.FAILED
    assert "QUARANTINE_LIMIT" in refused.err
    await rig.fill("train", 0, "failed")
    resumed = await readmit("ingest", "resume", str(run_id)[:8])
    assert resumed.code == ExitCode.DONE
    assert resumed.out.startswith(f"Run {run_id} goes on")
    assert (await rig.run(run_id))["state"] == "streaming"


async def test_the_store_is_not_reset_without_a_yes(readmit, store):
    """All rows would be gone."""
    asked = await readmit("ingest", "reset", "--reason", "a fresh start")
    assert asked.code == ExitCode.FAILED
    assert await store.admin.fetchval("SELECT generation FROM ingest.store") == 1


async def test_clean_tables_are_rebuilt_with_a_word_on_what_came_of_it(readmit, store, kafka_bootstrap, tmp_path):
    """It waits for the ingestor's answer, and a refusal is a failure."""
    await store.plan(SOURCE, LINES)
    await ingest(store)
    await store.admin.execute("DELETE FROM clean.train")
    async with running_ingestor(kafka_bootstrap, store.settings, tmp_path):
        asked = ("ingest", "rebuild-clean", "--reason", "rows are gone", "--actor", "operator")
        rebuilt = await readmit(*asked)
        assert rebuilt.code == ExitCode.DONE, rebuilt.err
        assert rebuilt.out == (
            "The clean tables of generation 1 are right again: "
            "3 batches, 900 rows derived anew; for operator: rows are gone.\n"
        )
        assert await store.rows("clean") == 900

        await store.admin.execute("UPDATE raw.train SET num_medications = 99 WHERE row_no = 17")
        refused = await readmit(*asked)
        assert refused.code == ExitCode.FAILED
        assert "DATASET_CHANGED" in refused.err
        assert "batch 0 of train" in refused.err


async def test_status_shows_the_store_and_the_runs(readmit, store, rig):
    """One screen, and the same for machines."""
    run_id = await rig.start(train="all", test=NextBatches(next=1))
    await ingest(store)
    screen = await readmit("status")
    assert screen.code == ExitCode.DONE, screen.err
    assert str(run_id)[:8] in screen.out
    assert "1 clean" in screen.out
    listed = json.loads((await readmit("ingest", "status", "--json")).out)
    assert [run["run_id"] for run in listed] == [str(run_id)]
    detail = await readmit("ingest", "status", "last")
    assert "train all, test next:1" in detail.out
    assert [line.split()[:2] for line in detail.out.splitlines()[-2:]] == [["train", "0"], ["test", "0"]]


async def test_topics_are_listed_and_their_messages_read(readmit, kafka_bootstrap):
    """Events as JSON, chunks as their headers."""
    key = uuid4().hex
    event = next(message for message in EXAMPLES if type(message).__name__ == "BatchStored")
    chunk = delivered(next(all_chunks(SOURCE, 1)))
    await publish(
        kafka_bootstrap,
        outgoing(INGESTION_EVENTS, event, source="/test", id=uuid4(), key=key),
        OutgoingRecord(BATCHES["train"].name, key.encode(), chunk.value, chunk.headers),
    )
    listing = await readmit("topics", "list", "--json")
    assert listing.code == ExitCode.DONE, listing.err
    listed = json.loads(listing.out)
    (events,) = (topic for topic in listed if topic["name"] == INGESTION_EVENTS.name)
    assert events["messages"] >= 1
    tail = await readmit("topics", "tail", INGESTION_EVENTS.name, "--key", key, "--json")
    (shown,) = (json.loads(line) for line in tail.out.splitlines())
    assert (shown["type"], shown["body"]["split"]) == ("readmit.BatchStored.v1", "train")
    rows = await readmit("topics", "tail", "batches.train", "--key", key)
    assert "rows=" in rows.out
    assert "Caucasian" not in rows.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("ingest", "start", "--train", "some"),
        ("ingest", "cancel", "last"),
        ("ingest", "cancel", "0" * 36, "--reason", "x"),
        ("ingest", "rebuild-clean", "--reason", "x\ny"),
        ("ingest", "verify", "0" * 36),
    ],
)
async def test_a_wrong_command_line_ends_with_its_own_code(readmit, store, arguments):
    """A script can tell its own fault from the system's."""
    assert (await readmit(*arguments)).code == ExitCode.USAGE


async def test_a_database_that_is_away_is_said_and_what_to_do(readmit):
    """Nobody should have to read a traceback to find that the stack is down."""
    away = await readmit("ingest", "status", READMIT_CLI_READER__PORT="1")
    assert away.code == ExitCode.UNAVAILABLE
    assert "make up" in away.err
