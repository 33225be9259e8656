"""The trainer as a process: messages from Kafka, and what a kill at the worst moment costs."""

import asyncio
from uuid import uuid4

import pytest
from readmit_contracts.commands import PromoteModel, TrainModel
from readmit_contracts.events import ModelPromoted, ReplicaReported
from readmit_contracts.topics import MODELS_COMMANDS, MODELS_LOADED, MODELS_PROMOTED, TRAINING_COMMANDS
from readmit_runtime.kafka_producer import KafkaProducer
from readmit_runtime.kafka_topic_reader import KafkaTopicReader
from readmit_runtime.messages import incoming, outgoing
from readmit_runtime.producer_settings import ProducerSettings
from readmit_runtime.settings import KafkaSettings
from readmit_runtime.topic_reader import read_to_end
from support.passed_over import pass_over
from support.trainer_process import TrainerWorld, fit_child
from trainer.__main__ import GROUP
from trainer.asking.intake import TOPICS


@pytest.fixture
def world(kafka_bootstrap, service_database, object_store_settings, mlflow_uri, tmp_path) -> TrainerWorld:
    """Give the way to start trainers."""
    return TrainerWorld(
        kafka_bootstrap, service_database("readmit_trainer"), object_store_settings, mlflow_uri, tmp_path
    )


@pytest.fixture
async def publish(kafka_bootstrap):
    """Give a way to publish a message; it returns the message's id."""
    producer = KafkaProducer(KafkaSettings(bootstrap_servers=kafka_bootstrap), ProducerSettings(), client_id="tests")

    async def send(topic, message):
        message_id = uuid4()
        await producer.publish(outgoing(topic, message, source="/test", id=message_id))
        return message_id

    yield send
    await producer.close()


async def test_a_trainer_killed_in_the_middle_of_a_job_leaves_one_model(rig, world, publish, kafka_bootstrap):
    """Another one does the job again, to the same bytes; the champion is announced, shown and reported by replicas."""
    await pass_over(kafka_bootstrap, group=GROUP, topics=TOPICS)
    await publish(TRAINING_COMMANDS, TrainModel(model=rig.name, then="train"))
    async with world.trainer() as first:
        await _until(lambda: fit_child(world.scratch), 30)
        await first.kill()
        await _until(lambda: fit_child(world.scratch) is None, 10)
    async with world.trainer() as second, world.trainer() as third:
        await _until_row(rig, "SELECT 1 FROM training.jobs WHERE state = 'done'", 40)
        job = await rig.job()
        assert job["attempt"] == 2
        await publish(TRAINING_COMMANDS, TrainModel(model=rig.name))
        reporting = asyncio.create_task(_report_until_cancelled(publish, rig.name))
        await _until_row(rig, "SELECT 1 FROM status.champions WHERE version = '1' AND replicas_alive = 1", 60)
        reporting.cancel()
        alias = rig.server(world.mlflow_uri)
        await _until_row(rig, "SELECT 1 FROM training.alias_projection WHERE written = '1'", 20)
        assert await alias.aliased_version(rig.name) == "1"
        unknown = await publish(MODELS_COMMANDS, PromoteModel(model_id="f" * 64, reason="test", actor="test"))
        await _until_row(rig, f"SELECT 1 FROM status.commands WHERE command_id = '{unknown}'", 20)
        assert await rig.command(unknown) == ("rejected", "UNKNOWN_MODEL")
        await _until_row(rig, "SELECT 1 WHERE NOT EXISTS (SELECT FROM training.outbox WHERE published_at IS NULL)", 20)
        assert max(second.memory_mib(), third.memory_mib()) < 300
        assert await asyncio.gather(second.stop(), third.stop()) == [0, 0]
    assert await rig.admin.fetchval("SELECT count(*) FROM training.models") == 1
    promoted = [event for event in await _promotions(kafka_bootstrap) if event.model == rig.name]
    assert [(event.epoch, event.model_id) for event in promoted] == [(1, job["model_id"])]


async def _report_until_cancelled(publish, model: str) -> None:
    # As a replica does: one report counts for 15 seconds, and the dead trainer's session ends later than that.
    while True:
        await publish(MODELS_LOADED, _report(model))
        await asyncio.sleep(2)


def _report(model: str) -> ReplicaReported:
    return ReplicaReported(
        replica="predictor-0",
        model=model,
        epoch=None,
        lineage=None,
        model_id=None,
        feature_versions=(1,),
        status="waiting",
    )


async def _promotions(bootstrap: str) -> list[ModelPromoted]:
    settings = KafkaSettings(bootstrap_servers=bootstrap)
    records = await read_to_end(KafkaTopicReader(settings, MODELS_PROMOTED.name, client_id="tests"), limit_s=20)
    return [incoming(record)[1] for record in records]


async def _until(condition, limit_s: float) -> None:
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.05)


async def _until_row(rig, query: str, limit_s: float) -> None:
    async with asyncio.timeout(limit_s):
        while await rig.admin.fetchval(query) is None:
            await asyncio.sleep(0.1)
