"""Run one batch producer: settings, clients, loops."""

import asyncio
import os
import socket
import sys
from collections.abc import Sequence
from uuid import uuid4

from prometheus_client import CollectorRegistry
from readmit_contracts.commands import CancelIngestion, ResetStore, ResumeIngestion, StartIngestion
from readmit_contracts.topics import INGESTION_COMMANDS
from readmit_runtime.commands import CommandHandler
from readmit_runtime.consumer import GroupConsumer
from readmit_runtime.consumer_progress import ConsumerProgress
from readmit_runtime.database import answers, create_pool
from readmit_runtime.dead_letters import DeadLetterLimit
from readmit_runtime.errors import Transient
from readmit_runtime.heartbeat import Heartbeat
from readmit_runtime.http import HttpServer, health_routes
from readmit_runtime.kafka_consumer import KafkaConsumerClient
from readmit_runtime.kafka_producer import KafkaProducer
from readmit_runtime.lifecycle import Loop, run_loops
from readmit_runtime.message_spans import TracedProducer
from readmit_runtime.messages import IncomingRecord
from readmit_runtime.outbox_relay import OutboxRelay
from readmit_runtime.prerequisites import Prerequisites
from readmit_runtime.schema_revision import check_schema
from readmit_runtime.service import start
from readmit_runtime.topic_admin import lag_of
from readmit_runtime.watchdog import Watchdog

from batch_producer.api.app import create_app
from batch_producer.api.run_store import PostgresRunReader
from batch_producer.dataset_file import DatasetFile
from batch_producer.generation_store import SCHEMA
from batch_producer.metrics import BatchProducerMetrics
from batch_producer.planning.start import StartIngestionHandler
from batch_producer.runs.commands import cancel, reset, resume
from batch_producer.settings import BatchProducerSettings
from batch_producer.streaming.run_stream import RunStream
from batch_producer.streaming.store import StreamingStore
from batch_producer.streaming.worker import StreamingWorker

SERVICE = "batch_producer"
# One turn of the worker waits for Postgres (65 s) and for Kafka (15 s to connect, 15 s to deliver) at the most.
WORKER_TURN_S = 180.0


async def serve(settings: BatchProducerSettings, stop: asyncio.Event) -> None:
    """Run the loops of one batch producer until `stop` is set."""
    registry = CollectorRegistry()
    metrics = BatchProducerMetrics(registry)
    heartbeat = Heartbeat(WORKER_TURN_S)
    progress = ConsumerProgress()
    dataset = DatasetFile(settings.dataset)
    producer = TracedProducer(KafkaProducer(settings.kafka, settings.producer, client_id=SERVICE))
    relay = OutboxRelay(SCHEMA, settings.postgres, producer)
    metrics.loops.relay(relay)
    async with create_pool(settings.postgres, application_name=SERVICE) as pool:
        store = StreamingStore(pool, owner=f"{socket.gethostname()}:{os.getpid()}", lease_s=settings.streaming.lease_s)
        stream = RunStream(
            store,
            dataset,
            producer,
            chunks_in_flight=settings.streaming.chunks_in_flight,
            metrics=metrics,
            heartbeat=heartbeat,
        )
        worker = StreamingWorker(store, stream, settings.streaming, metrics=metrics, heartbeat=heartbeat)
        commands = CommandHandler(
            pool,
            SCHEMA,
            SERVICE,
            {
                StartIngestion: StartIngestionHandler(dataset),
                CancelIngestion: cancel,
                ResumeIngestion: resume,
                ResetStore: reset,
            },
            limit=DeadLetterLimit(settings.dead_letters_in_a_row),
            wake=worker.wake,
        )

        async def handle(records: Sequence[IncomingRecord]) -> None:
            await dataset.prepare()
            await commands(records)

        topics = [INGESTION_COMMANDS.name]
        client = KafkaConsumerClient(
            settings.kafka, settings.consumer, topics=topics, group_id=SERVICE, client_id=SERVICE
        )
        watchdog = Watchdog(
            settings.watchdog,
            lag=lag_of(settings.kafka, group_id=SERVICE, topics=topics, client_id=SERVICE),
            held=client.assignment,
            probe=lambda: answers(pool),
        )
        metrics.loops.watch("commands", progress, watchdog)
        needed = Prerequisites({"schema": lambda: check_schema(pool)}, beat=heartbeat.beat)
        app = create_app(
            reader=PostgresRunReader(pool, consumer=SERVICE),
            dataset=dataset,
            producer=producer,
            health=health_routes(
                alive=heartbeat.alive,
                checks={
                    "kafka": lambda: _consuming(progress),
                    "postgres": lambda: answers(pool),
                    **needed.readiness(),
                },
                registry=registry,
            ),
            new_id=uuid4,
        )
        loops: dict[str, Loop] = {
            "commands": GroupConsumer(
                client, metrics.loops.aged("commands", handle), settings.consumer, progress=progress
            ).run,
            "streaming": worker.run,
            "relay": relay.run,
            "watchdog": watchdog.run,
        }
        loops = {**needed.before(loops), "http": HttpServer(app, settings.http).run}
        try:
            await run_loops(loops, stop, shutdown_s=settings.shutdown_s)
        finally:
            await producer.close()


async def _consuming(progress: ConsumerProgress) -> None:
    if not progress.started:
        raise Transient("the consumer of commands has not joined its group yet")


def main() -> int:
    """Run until told to stop; return the exit code."""
    return start(SERVICE, BatchProducerSettings, serve)


if __name__ == "__main__":
    sys.exit(main())
