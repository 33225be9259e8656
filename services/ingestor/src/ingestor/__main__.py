"""Run one ingestor: settings, clients, loops."""

import asyncio
import sys
from collections.abc import Sequence

from prometheus_client import CollectorRegistry
from readmit_contracts.commands import RebuildClean
from readmit_contracts.topics import PREDICTIONS, QUARANTINE_COMMANDS
from readmit_runtime.commands import CommandHandler
from readmit_runtime.database import Connection, Pool, create_pool
from readmit_runtime.dead_letters import DeadLetterLimit
from readmit_runtime.http import HttpServer, health_app, health_routes
from readmit_runtime.kafka_producer import KafkaProducer
from readmit_runtime.lifecycle import Loop, run_loops
from readmit_runtime.message_spans import TracedProducer
from readmit_runtime.observation import Observation
from readmit_runtime.outbox_relay import OutboxRelay
from readmit_runtime.prerequisites import Prerequisites
from readmit_runtime.schema_revision import check_schema
from readmit_runtime.service import start

from ingestor.chunks.handler import SPLIT_OF_TOPIC, ChunkHandler
from ingestor.chunks.outcome import GroupOutcome
from ingestor.chunks.rows import warm_up
from ingestor.cleaning.loop import Cleaner
from ingestor.cleaning.rebuild import rebuild_clean
from ingestor.consumers import Consumer
from ingestor.metrics import IngestorMetrics
from ingestor.predictions.handler import PredictionHandler
from ingestor.predictions.retention import Retention
from ingestor.progress_store import read_progress
from ingestor.settings import IngestorSettings

SERVICE = "ingestor"


async def serve(settings: IngestorSettings, stop: asyncio.Event) -> None:
    """Run the loops of one ingestor until `stop` is set."""
    registry = CollectorRegistry()
    metrics = IngestorMetrics(registry)
    producer = TracedProducer(KafkaProducer(settings.kafka, settings.producer, client_id=SERVICE))
    relay = OutboxRelay("ingest", settings.postgres, producer)
    metrics.loops.relay(relay)

    async def look(connection: Connection) -> None:
        metrics.store_seen(await read_progress(connection))

    async with create_pool(settings.postgres, application_name=SERVICE) as pool:
        cleaner = Cleaner(pool, sweep_s=settings.sweep_s, on_cleaned=metrics.batch_cleaned)
        consumers = _consumers(settings, pool, metrics, cleaner)
        observation = Observation(pool, look, *(consumer.progress for consumer in consumers))
        needed = Prerequisites({"schema": lambda: check_schema(pool)}, beat=observation.heartbeat.beat)
        routes = health_routes(
            alive=observation.heartbeat.alive,
            checks={
                "kafka": observation.consuming,
                "postgres": observation.postgres_answers,
                **needed.readiness(),
            },
            registry=registry,
        )
        loops: dict[str, Loop] = {
            "cleaner": cleaner.run,
            "relay": relay.run,
            "observation": observation.run,
            "predictions_retention": Retention(pool, settings.retention, on_deleted=metrics.predictions_deleted).run,
        }
        for consumer in consumers:
            loops |= consumer.loops(settings, probe=observation.postgres_answers, metrics=metrics.loops)
        loops = {**needed.before(loops), "http": HttpServer(health_app(routes), settings.http).run}
        try:
            await run_loops(loops, stop, shutdown_s=settings.shutdown_s)
        finally:
            await producer.close()


def _consumers(
    settings: IngestorSettings, pool: Pool, metrics: IngestorMetrics, cleaner: Cleaner
) -> Sequence[Consumer]:
    def limit() -> DeadLetterLimit:
        return DeadLetterLimit(settings.dead_letters_in_a_row)

    def group_stored(outcome: GroupOutcome, seconds: float) -> None:
        metrics.group_stored(outcome, seconds)
        cleaner.group_stored(batches_stored=outcome.batches_stored)

    return (
        Consumer(
            name="chunks",
            group_id=SERVICE,
            topics=SPLIT_OF_TOPIC,
            handler=ChunkHandler(pool, limit(), on_stored=group_stored),
            stuck_s=settings.watchdog.stuck_s,
        ),
        Consumer(
            name="predictions",
            group_id="ingestor-predictions",
            topics=[PREDICTIONS.name],
            handler=PredictionHandler(pool, limit(), settings.retention, on_stored=metrics.predictions_stored),
            stuck_s=settings.watchdog.stuck_s,
        ),
        Consumer(
            name="commands",
            group_id="ingestor-commands",
            topics=[QUARANTINE_COMMANDS.name],
            # nothing waits for a rebuild: what it does is done when it commits
            handler=CommandHandler(
                pool, "ingest", SERVICE, {RebuildClean: rebuild_clean}, limit=limit(), wake=lambda: None
            ),
            stuck_s=settings.command_stuck_s,
        ),
    )


def main() -> int:
    """Run until told to stop; return the exit code."""
    return start(SERVICE, IngestorSettings, serve, prepare=warm_up)


if __name__ == "__main__":
    sys.exit(main())
