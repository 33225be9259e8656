"""Topics looked into and written by the command, on a real broker."""

import asyncio
import json
from uuid import uuid4

import pytest
from readmit_cli.exit_codes import ExitCode
from readmit_contracts.topics import BATCHES, EVERY_TOPIC, QUARANTINE_COMMANDS, TRAINING_COMMANDS, TRAINING_EVENTS
from readmit_runtime.dead_letters import dead_letter
from readmit_runtime.kafka_producer import KafkaProducer
from readmit_runtime.kafka_topic_reader import KafkaTopicReader
from readmit_runtime.producer import Position
from readmit_runtime.producer_settings import ProducerSettings
from readmit_runtime.settings import KafkaSettings
from readmit_runtime.topic_reader import read_to_end
from support.encounters import all_chunks, delivered, source_file
from support.lag_rig import LagRig
from support.planned_store import lines_of

CHUNK = delivered(next(all_chunks(source_file(lines_of(100)), 1)), offset=7)


async def publish(kafka_bootstrap, record) -> Position:
    """Put a record into the real broker."""
    producer = KafkaProducer(KafkaSettings(bootstrap_servers=kafka_bootstrap), ProducerSettings(), client_id="test")
    try:
        return await producer.publish(record)
    finally:
        await producer.close()


@pytest.fixture
async def behind(kafka_bootstrap) -> str:
    """Give a group that has not committed one message of an hour ago, nor the one behind it."""
    group = f"group.{uuid4().hex}"
    async with LagRig.open(kafka_bootstrap) as rig:
        rig.topic = TRAINING_EVENTS.name
        end = (await rig.report()).offsets[0].end
        await rig.write(3_600, 60)
        await rig.commit(group, {0: end})
    return group


async def test_a_topic_is_described_with_its_partitions_and_who_reads_it(readmit, behind):
    """And as declared, for the stack has just made it."""
    ended = await readmit("topics", "describe", "training.events", "--size", "local", "--json")
    assert ended.code == ExitCode.DONE, ended.err
    described = json.loads(ended.out)
    assert (described["name"], described["differences"]) == (TRAINING_EVENTS.name, [])
    assert [part["partition"] for part in described["partitions"]] == [0, 1, 2]
    assert behind in [group["group"] for group in described["groups"]]
    shown = await readmit("topics", "describe", "training.events", "--size", "production")
    assert "partitions is 3, declared is 6" in shown.out


async def test_topics_that_are_there_are_compared_and_left_alone(readmit):
    """The Job that makes them runs at each roll-out, and must not hide that one differs."""
    ended = await readmit("topics", "create", "--size", "local")
    assert (ended.code, ended.out.strip()) == (ExitCode.DONE, f"{len(EVERY_TOPIC)} topics are as declared"), ended.err
    other = await readmit("topics", "create", "--size", "production")
    assert (other.code, f"{TRAINING_EVENTS.name}: partitions is 3, declared 6" in other.err) == (ExitCode.FAILED, True)


async def test_lag_is_shown_in_messages_and_seconds(readmit, behind):
    """By the same figures for people and machines."""
    ended = await readmit("topics", "lag", "--group", behind, "--json")
    assert ended.code == ExitCode.DONE, ended.err
    (row,) = json.loads(ended.out)
    assert (row["topic"], row["state"], row["members"]) == (TRAINING_EVENTS.name, "Empty", 0)
    assert row["partitions"][0]["waiting"] == 2
    assert 3_600 <= row["age_s"] < 3_700
    shown = await readmit("topics", "lag", "--group", behind, "--partitions")
    assert "60 min" in shown.out
    assert "never committed" in shown.out
    unknown = await readmit("topics", "lag", "--group", "nobody")
    assert (unknown.code, "nobody" in unknown.err) == (ExitCode.USAGE, True)


async def test_dead_letters_are_listed_and_one_is_shown_without_its_content(readmit, kafka_bootstrap):
    """What is a patient's is printed only when it is asked for."""
    detail = f"the digest differs: {uuid4().hex}"
    parked = dead_letter(CHUNK, "CHUNK_SHA256", detail, consumer="ingestor")
    place = await publish(kafka_bootstrap, parked)
    listed = json.loads((await readmit("topics", "dead-letters", "list", "--json")).out)
    (letter,) = [found for found in listed if found["detail"] == detail]
    assert (letter["reason"], letter["consumer"]) == ("CHUNK_SHA256", "ingestor")
    assert letter["origin"] == f"{CHUNK.topic} {CHUNK.partition}@7"
    assert (letter["topic"], letter["offset"]) == (f"{CHUNK.topic}.dlq", place.offset)
    assert detail in (await readmit("topics", "dead-letters", "list", "batches.train")).out

    at = f"{place.partition}@{place.offset}"
    shown = await readmit("topics", "dead-letters", "show", "batches.train", at)
    assert (shown.code, detail in shown.out, "Caucasian" in shown.out) == (ExitCode.DONE, True, False)
    assert "Caucasian" in (await readmit("topics", "dead-letters", "show", "batches.train", at, "--values")).out
    assert (await readmit("topics", "dead-letters", "show", "batches.train", "0@999999")).code == ExitCode.USAGE


async def test_a_message_is_sent_only_with_a_yes_and_then_as_it_was_shown(readmit, kafka_bootstrap, tmp_path):
    """Who looks at it first sends the same."""
    message_id = str(uuid4())
    file = tmp_path / "train.json"
    file.write_text('{"model": "readmission", "force": true}')
    asked = ("topics", "produce", "training.commands", "--type", "TrainModel", "--file", str(file), "--id", message_id)
    before = await ends(kafka_bootstrap)
    shown = await readmit(*asked)
    assert shown.code == ExitCode.FAILED
    assert "--yes sends it" in shown.err
    assert f"ce_id: {message_id}" in shown.out
    assert '"force":true' in shown.out
    assert await ends(kafka_bootstrap) == before

    sent = await readmit(*asked, "--yes", "--json")
    assert sent.code == ExitCode.DONE, sent.err
    place = json.loads(sent.out)
    assert (place["topic"], place["id"]) == (TRAINING_COMMANDS.name, message_id)
    tail = await readmit(
        "topics", "tail", "training.commands", "--from", f"{place['partition']}@{place['offset']}", "--json"
    )
    found = json.loads(tail.out.splitlines()[0])
    assert (found["id"], found["key"], found["body"]["force"]) == (message_id, "readmission", True)


@pytest.mark.parametrize(
    ("topic", "type_name", "value"),
    [
        (QUARANTINE_COMMANDS.name, "RebuildClean", '{"reason": "because"}'),
        (QUARANTINE_COMMANDS.name, "TrainModel", "{}"),
        (BATCHES["train"].name, "Chunk", "{}"),
        (TRAINING_EVENTS.name, "TrainingFailed", "{}"),
    ],
    ids=["a field is missing", "not of this topic", "rows", "an event"],
)
async def test_what_the_contract_does_not_allow_is_not_sent(
    readmit, kafka_bootstrap, tmp_path, topic, type_name, value
):
    """Not even with a yes."""
    file = tmp_path / "value.json"
    file.write_text(value)
    before = await ends(kafka_bootstrap)
    refused = await readmit("topics", "produce", topic, "--type", type_name, "--file", str(file), "--yes")
    assert (refused.code, bool(refused.err)) == (ExitCode.USAGE, True)
    assert await ends(kafka_bootstrap) == before


async def ends(kafka_bootstrap) -> dict[str, int]:
    """Give the number of records in the topics of these tests."""
    kafka = KafkaSettings(bootstrap_servers=kafka_bootstrap)
    names = [topic.name for topic in (QUARANTINE_COMMANDS, TRAINING_COMMANDS, TRAINING_EVENTS, BATCHES["train"])]
    readers = [KafkaTopicReader(kafka, name, client_id="test") for name in names]
    found = await asyncio.gather(*(read_to_end(reader, limit_s=20) for reader in readers))
    return dict(zip(names, map(len, found), strict=True))
