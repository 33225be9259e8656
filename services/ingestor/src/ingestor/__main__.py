"""Run one ingestor: settings, clients, loops."""

import asyncio
import sys
from collections.abc import Collection

from prometheus_client import CollectorRegistry
from readmit_contracts.topics import PREDICTIONS
from readmit_runtime import logs
from readmit_runtime.consumer import GroupConsumer
from readmit_runtime.consumer_progress import ConsumerProgress
from readmit_runtime.database import Pool, create_pool
from readmit_runtime.dead_letters import DeadLetterLimit
from readmit_runtime.http import HttpServer, health_app, health_routes
from readmit_runtime.kafka_consumer import KafkaConsumerClient
from readmit_runtime.kafka_producer import KafkaProducer
from readmit_runtime.lifecycle import Loop, run, run_loops
from readmit_runtime.observation import Observation
from readmit_runtime.outbox_relay import OutboxRelay
from readmit_runtime.settings import load
from readmit_runtime.topic_admin import lag_of
from readmit_runtime.watchdog import Watchdog

from ingestor.chunks.handler import SPLIT_OF_TOPIC, ChunkHandler
from ingestor.chunks.outcome import GroupOutcome
from ingestor.chunks.rows import warm_up
from ingestor.cleaning.loop import Cleaner
from ingestor.metrics import IngestorMetrics
from ingestor.predictions.handler import PredictionHandler
from ingestor.predictions.retention import Retention
from ingestor.settings import IngestorSettings

GROUP = "ingestor"
PREDICTIONS_GROUP = "ingestor-predictions"


async def serve(settings: IngestorSettings, stop: asyncio.Event) -> None:
    """Run the loops of one ingestor until `stop` is set."""
    registry = CollectorRegistry()
    metrics = IngestorMetrics(registry)
    progress = ConsumerProgress()
    producer = KafkaProducer(settings.kafka, settings.producer, client_id=GROUP)
    relay = OutboxRelay("ingest", settings.postgres, producer)
    async with create_pool(settings.postgres, application_name=GROUP) as pool:
        cleaner = Cleaner(pool, sweep_s=settings.sweep_s, on_cleaned=metrics.batch_cleaned)

        def group_stored(outcome: GroupOutcome) -> None:
            metrics.group_stored(outcome)
            cleaner.group_stored(batches_stored=outcome.batches_stored)

        handler = ChunkHandler(pool, DeadLetterLimit(settings.dead_letters_in_a_row), on_stored=group_stored)
        client = KafkaConsumerClient(
            settings.kafka, settings.consumer, topics=SPLIT_OF_TOPIC, group_id=GROUP, client_id=GROUP
        )
        consumer = GroupConsumer(client, handler, settings.consumer, progress=progress)
        observation = Observation(pool, "ingest", progress, gauges=metrics)
        watchdog = _watchdog(settings, observation, client, group_id=GROUP, topics=SPLIT_OF_TOPIC)
        routes = health_routes(
            alive=observation.heartbeat.alive,
            checks={"kafka": observation.consuming, "postgres": observation.postgres_answers},
            registry=registry,
        )
        loops = {
            "chunks": consumer.run,
            **_predictions_loops(settings, pool, metrics, observation),
            "cleaner": cleaner.run,
            "relay": relay.run,
            "watchdog": watchdog.run,
            "observation": observation.run,
            "http": HttpServer(health_app(routes), settings.http).run,
        }
        try:
            await run_loops(loops, stop, shutdown_s=settings.shutdown_s)
        finally:
            await producer.close()


def _predictions_loops(
    settings: IngestorSettings, pool: Pool, metrics: IngestorMetrics, observation: Observation
) -> dict[str, Loop]:
    limit = DeadLetterLimit(settings.dead_letters_in_a_row)
    handler = PredictionHandler(pool, limit, settings.retention, on_stored=metrics.predictions_stored)
    topics = [PREDICTIONS.name]
    client = KafkaConsumerClient(
        settings.kafka,
        settings.consumer,
        topics=topics,
        group_id=PREDICTIONS_GROUP,
        client_id=PREDICTIONS_GROUP,
    )
    return {
        "predictions": GroupConsumer(client, handler, settings.consumer, progress=ConsumerProgress()).run,
        "predictions_retention": Retention(pool, settings.retention, on_deleted=metrics.predictions_deleted).run,
        "predictions_watchdog": _watchdog(settings, observation, client, group_id=PREDICTIONS_GROUP, topics=topics).run,
    }


def _watchdog(
    settings: IngestorSettings,
    observation: Observation,
    client: KafkaConsumerClient,
    *,
    group_id: str,
    topics: Collection[str],
) -> Watchdog:
    return Watchdog(
        settings.watchdog,
        lag=lag_of(settings.kafka, group_id=group_id, topics=topics, client_id=group_id),
        held=client.assignment,
        probe=observation.postgres_answers,
    )


def main() -> int:
    """Read the settings and run until told to stop; return the exit code."""
    settings = load(IngestorSettings)
    logs.configure(service=GROUP, level=settings.log_level)
    warm_up()
    return run(lambda stop: serve(settings, stop), shutdown_s=settings.shutdown_s)


if __name__ == "__main__":
    sys.exit(main())
