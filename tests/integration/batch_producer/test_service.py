"""The whole process, as the role it runs in: REST in, chunks and events out, also across a kill."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from batch_producer.__main__ import SERVICE
from readmit_contracts.events import IngestionPlanned
from readmit_contracts.topics import INGESTION_COMMANDS, INGESTION_EVENTS
from readmit_runtime.errors import Rejected
from readmit_runtime.kafka_topic_reader import KafkaTopicReader
from readmit_runtime.messages import incoming
from readmit_runtime.settings import KafkaSettings, PostgresSettings
from readmit_runtime.topic_reader import read_to_end
from support.batch_producer_process import PATIENCE_S, BatchProducerWorld
from support.batch_producer_rig import Rig, sent_chunks
from support.passed_over import pass_over
from support.skeleton_dataset import write_skeleton


@pytest.fixture
async def world(
    kafka_bootstrap: str,
    service_database: Callable[[str], PostgresSettings],
    rig: Rig,
    tmp_path: Path,
) -> BatchProducerWorld:
    """Give real servers with an empty store, and a file of 62 chunks of train and 3 of validation."""
    await pass_over(kafka_bootstrap, group=SERVICE, topics=[INGESTION_COMMANDS.name])
    return BatchProducerWorld(kafka_bootstrap, service_database("readmit_batch_producer"), rig.path, tmp_path)


def planned_chunks(train: int, validation: int) -> set[tuple[str, int, int]]:
    """Give split, batch and chunk of every chunk of a file with so many full chunks."""
    return {("train", chunk // 30, chunk % 30) for chunk in range(train)} | {
        ("validation", 0, chunk) for chunk in range(validation)
    }


async def planned_events(kafka: KafkaSettings) -> list[IngestionPlanned]:
    """Give the plans that were announced, other tests' included."""
    reader = KafkaTopicReader(kafka, INGESTION_EVENTS.name, client_id="tests")
    found = []
    for record in await read_to_end(reader, limit_s=PATIENCE_S):
        try:
            message = incoming(record)[1]
        except Rejected:
            continue
        if isinstance(message, IngestionPlanned):
            found.append(message)
    return found


async def test_a_run_asked_for_over_rest_is_planned_announced_and_sent(world: BatchProducerWorld, rig: Rig) -> None:
    """Every part at once, with the rights of its own role and nothing more."""
    source = await rig.dataset.read()
    async with world.process() as service:
        await service.shows("/health/ready", lambda body: body["status"] == "ok")

        answer = await service.client.post("/v1/runs", json={"batches": {"train": "all", "validation": "all"}})
        run = await service.shows(answer.headers["location"], lambda body: body["sent_at"] is not None)
        command = await service.shows(f"/v1/commands/{run['command_id']}", lambda _body: True)

        assert answer.status_code == 202
        assert (run["state"], run["planned_rows"], run["missing"], run["percent"]) == ("streaming", 31_900, 31_900, 0)
        assert (command["outcome"], command["subject"]) == ("accepted", run["run_id"])
        assert Counter(sent_chunks(await world.sent(source.dataset_id))) == Counter(planned_chunks(62, 3))
        assert run["run_id"] in {
            str(event.run_id) for event in await planned_events(KafkaSettings(bootstrap_servers=world.bootstrap))
        }
        metrics = (await service.client.get("/metrics")).text
        assert 'readmit_batch_producer_sent_chunks_total{split="train"} 62.0' in metrics
        assert await service.stop() == 0


async def test_a_process_without_its_dependencies_lives_and_is_not_ready(
    world: BatchProducerWorld, rig: Rig, tmp_path: Path
) -> None:
    """A restart would not bring Postgres back; traffic should wait for it."""
    away = world.postgres.model_copy(update={"port": 1})
    async with BatchProducerWorld(world.bootstrap, away, rig.path, tmp_path).process() as service:
        await service.shows("/health/live", lambda body: body["status"] == "ok")

        ready = await service.client.get("/health/ready")
        runs = await service.client.get("/v1/runs")
        dataset = await service.client.get("/v1/dataset")

        assert (ready.status_code, ready.json()["checks"]["postgres"] != "ok") == (503, True)
        assert (runs.status_code, runs.json()["code"]) == (503, "DEPENDENCY_AWAY")
        assert dataset.status_code == 200
        assert await service.stop() == 0


async def test_a_killed_process_leaves_a_run_that_the_next_one_ends(world: BatchProducerWorld, rig: Rig) -> None:
    """Kill -9 in the middle costs a lease: no chunk is missing, and none is other than planned."""
    write_skeleton(rig.path, train=120_000, first=500_000)
    source = await rig.dataset.read()
    quick = {"STREAMING__LEASE_S": "2", "STREAMING__CHUNKS_IN_FLIGHT": "1"}
    async with world.process(**quick) as service:
        await service.shows("/health/ready", lambda body: body["status"] == "ok")
        answer = await service.client.post("/v1/runs", json={"batches": {"train": "all"}})
        path = answer.headers["location"]
        await service.shows(path, lambda body: body["streaming_at"] is not None)
        await service.kill()

    before = await world.sent(source.dataset_id)
    assert len(before) < 240, "all was sent before the kill; the file has to be larger for this test to mean anything"
    async with world.process(**quick) as service:
        run = await service.shows(path, lambda body: body["sent_at"] is not None)

    records = await world.sent(source.dataset_id)
    assert run["state"] == "streaming"
    assert set(sent_chunks(records)) == planned_chunks(240, 0)
    planned = await rig.admin.fetch("SELECT sha256 FROM ingest.planned_chunks")
    sent = {value for record in records for name, value in record.headers if name == "readmit_sha256"}
    assert sent == {row["sha256"].encode() for row in planned}
