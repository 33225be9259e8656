"""The whole process, as the role it runs in."""

import asyncio
from dataclasses import replace
from uuid import uuid4

from readmit_contracts.commands import RebuildClean
from readmit_contracts.topics import QUARANTINE_COMMANDS
from readmit_runtime.kafka_producer import KafkaProducer
from readmit_runtime.messages import outgoing
from readmit_runtime.producer_settings import ProducerSettings
from readmit_runtime.settings import KafkaSettings
from support.encounters import source_file
from support.ingestor_process import PATIENCE_S, running_ingestor
from support.planned_store import lines_of, records


async def test_a_command_from_kafka_is_done_and_an_unreadable_one_before_it_is_published_as_a_dead_letter(
    store, kafka_bootstrap, tmp_path
):
    """Three consumers in one process: that each is wired to its topic shows in no other test."""
    lines = lines_of(600)
    await store.plan(source_file(lines), lines)
    await store.store(records(source_file(lines)))
    await store.clean()
    await store.admin.execute("DELETE FROM clean.train")
    command = outgoing(QUARANTINE_COMMANDS, RebuildClean(reason="a", actor="b"), source="/test", id=uuid4())
    bad_id = uuid4()
    bad = outgoing(QUARANTINE_COMMANDS, RebuildClean(reason="a", actor="b"), source="/test", id=bad_id)
    producer = KafkaProducer(KafkaSettings(bootstrap_servers=kafka_bootstrap), ProducerSettings(), client_id="test")
    try:
        await producer.publish(replace(bad, value=b"{"))
        await producer.publish(command)
    finally:
        await producer.close()

    async with running_ingestor(kafka_bootstrap, store.settings, tmp_path), asyncio.timeout(PATIENCE_S):
        while await store.rows("clean") < 600:
            await asyncio.sleep(0.1)
        parked = (
            "SELECT published_at IS NOT NULL FROM ingest.outbox "
            "WHERE topic = $1 AND convert_to($2, 'UTF8') = ANY (header_values)"
        )
        while not await store.admin.fetchval(parked, f"{QUARANTINE_COMMANDS.name}.dlq", str(bad_id)):
            await asyncio.sleep(0.1)

    assert await store.admin.fetchval("SELECT outcome FROM ingest.inbox WHERE command_id = $1", bad_id) == "rejected"
