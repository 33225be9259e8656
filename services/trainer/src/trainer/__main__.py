"""Run one trainer: settings, clients, loops."""

import asyncio
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from readmit_contracts.topics import MODELS_LOADED, MODELS_PROMOTED
from readmit_runtime.commands import CommandHandler
from readmit_runtime.consumer import GroupConsumer, Handler
from readmit_runtime.consumer_progress import ConsumerProgress
from readmit_runtime.database import Connection, Pool, create_pool
from readmit_runtime.dead_letters import DeadLetterLimit
from readmit_runtime.http import HttpServer, health_app, health_routes
from readmit_runtime.kafka_consumer import KafkaConsumerClient
from readmit_runtime.kafka_producer import KafkaProducer
from readmit_runtime.kafka_topic_reader import KafkaTopicReader
from readmit_runtime.lifecycle import Loop, run_loops
from readmit_runtime.message_spans import TracedProducer
from readmit_runtime.observation import Observation
from readmit_runtime.outbox_relay import OutboxRelay
from readmit_runtime.prerequisites import Prerequisites
from readmit_runtime.s3_object_store import S3ObjectStore
from readmit_runtime.schema_revision import check_schema
from readmit_runtime.service import start
from readmit_runtime.topic_admin import lag_of
from readmit_runtime.watchdog import Watchdog

from trainer.alias.reconciler import AliasReconciler
from trainer.alias.store import AliasStore
from trainer.announcements import SCHEMA
from trainer.asking import intake
from trainer.asking.requests import Requests
from trainer.asking.store import CONSUMER
from trainer.exclusive import Exclusive
from trainer.metrics import TrainerMetrics
from trainer.projection.mlflow_server import MlflowServer
from trainer.projection.projector import Projector
from trainer.projection.store import ProjectionStore
from trainer.promotion.announced import Announcer
from trainer.promotion.gate_work import GateWork
from trainer.promotion.promoter import Promoter
from trainer.recipe import baseline, library_versions
from trainer.registry_store import read_registry
from trainer.replicas.handler import CONSUMER as REPLICAS_GROUP
from trainer.replicas.handler import ReplicaHandler
from trainer.scratch import Scratch
from trainer.settings import TrainerSettings
from trainer.training_process import ChildLimits
from trainer.work.job import JobWork
from trainer.work.store import JobStore
from trainer.work.worker import Worker

GROUP = CONSUMER
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Clients:
    """What every part of the trainer shares."""

    pool: Pool
    objects: S3ObjectStore
    scratch: Scratch
    mlflow: MlflowServer
    metrics: TrainerMetrics
    relay: OutboxRelay


@dataclass(frozen=True, slots=True)
class Works:
    """What goes on beside the consumers; each wakes those that come after it."""

    worker: Worker
    promoter: Exclusive
    projector: Exclusive
    alias: Exclusive


async def serve(settings: TrainerSettings, stop: asyncio.Event) -> None:
    """Run the loops of one trainer until `stop` is set."""
    registry = CollectorRegistry()
    scratch = Scratch(settings.fit.scratch)
    scratch.prepare()
    producer = TracedProducer(KafkaProducer(settings.kafka, settings.producer, client_id=GROUP))
    async with create_pool(settings.postgres, application_name=GROUP) as pool:
        clients = Clients(
            pool=pool,
            objects=S3ObjectStore(settings.object_store),
            scratch=scratch,
            mlflow=MlflowServer(settings.mlflow, settings.object_store),
            metrics=TrainerMetrics(registry),
            relay=OutboxRelay(SCHEMA, settings.postgres, producer),
        )
        clients.metrics.loops.relay(clients.relay)
        works = _works(settings, clients)
        try:
            await run_loops(_loops(settings, clients, works, registry), stop, shutdown_s=settings.shutdown_s)
        finally:
            await producer.close()


def _works(settings: TrainerSettings, clients: Clients) -> Works:
    fit = settings.fit
    limits = ChildLimits(memory_bytes=fit.memory_mib * MIB, cpu_s=fit.cpu_s, wall_s=fit.wall_s)

    def job_ended() -> None:
        works.projector.wake()
        works.promoter.wake()

    projector = Projector(
        ProjectionStore(clients.pool),
        clients.objects,
        clients.scratch,
        clients.mlflow,
        limits=ChildLimits(memory_bytes=fit.memory_mib * MIB, wall_s=settings.mlflow.register_limit_s),
        metrics=clients.metrics,
        on_registered=lambda: works.alias.wake(),
    )
    promoter = Promoter(
        clients.pool,
        GateWork(clients.objects, clients.scratch, limits=limits),
        Announcer(
            clients.pool,
            lambda: KafkaTopicReader(settings.kafka, MODELS_PROMOTED.name, client_id=GROUP),
            limit_s=settings.promotion.read_limit_s,
        ),
        announce_every_s=settings.promotion.announce_every_s,
        await_version=lambda model_id: projector.await_version(model_id, limit_s=settings.promotion.version_wait_s),
        metrics=clients.metrics,
        on_ended=lambda: works.alias.wake(),
    )
    alias = AliasReconciler(AliasStore(clients.pool), clients.mlflow, metrics=clients.metrics)
    owner = f"{socket.gethostname()}:{os.getpid()}"
    works = Works(
        worker=Worker(
            JobStore(clients.pool, owner=owner, lease_s=settings.jobs.lease_s),
            JobWork(
                clients.pool,
                clients.objects,
                clients.scratch,
                recipe=baseline(threads=fit.threads),
                libraries=library_versions(),
                limits=limits,
            ),
            settings.jobs,
            metrics=clients.metrics,
            on_ended=job_ended,
        ),
        promoter=Exclusive("promotion", promoter.turn, settings.postgres, every_s=settings.promotion.poll_s),
        projector=Exclusive("mlflow", projector.turn, settings.postgres, every_s=settings.mlflow.every_s),
        alias=Exclusive("alias", alias.turn, settings.postgres, every_s=settings.mlflow.alias_every_s),
    )
    return works


def _loops(settings: TrainerSettings, clients: Clients, works: Works, registry: CollectorRegistry) -> dict[str, Loop]:
    def requested() -> None:
        works.worker.wake()
        works.promoter.wake()

    limit = settings.dead_letters_in_a_row
    requests = Requests(baseline(threads=settings.fit.threads), library_versions())
    commands = CommandHandler(
        clients.pool, SCHEMA, CONSUMER, requests.handlers(), limit=DeadLetterLimit(limit), wake=requested
    )
    loops = clients.metrics.loops
    requests_progress, replicas_progress = ConsumerProgress(), ConsumerProgress()

    async def look(connection: Connection) -> None:
        clients.metrics.registry_seen(await read_registry(connection))

    observation = Observation(clients.pool, look, requests_progress)

    def consumer(
        name: str, group_id: str, topics: Sequence[str], handle: Handler, progress: ConsumerProgress
    ) -> dict[str, Loop]:
        client = KafkaConsumerClient(
            settings.kafka, settings.consumer, topics=topics, group_id=group_id, client_id=group_id
        )
        watchdog = Watchdog(
            settings.watchdog,
            lag=lag_of(settings.kafka, group_id=group_id, topics=topics, client_id=group_id),
            held=client.assignment,
            probe=observation.postgres_answers,
        )
        loops.watch(name, progress, watchdog)
        return {
            name: GroupConsumer(client, loops.aged(name, handle), settings.consumer, progress=progress).run,
            f"{name}_watchdog": watchdog.run,
        }

    needed = Prerequisites(
        {"schema": lambda: check_schema(clients.pool), "object store": clients.objects.check_bucket},
        beat=observation.heartbeat.beat,
    )
    routes = health_routes(
        alive=observation.heartbeat.alive,
        checks={"kafka": observation.consuming, "postgres": observation.postgres_answers, **needed.readiness()},
        registry=registry,
    )
    keep_news = ReplicaHandler(clients.pool, DeadLetterLimit(limit))
    work: dict[str, Loop] = {
        **consumer("requests", GROUP, intake.TOPICS, intake.Intake(commands), requests_progress),
        **consumer("replicas", REPLICAS_GROUP, [MODELS_LOADED.name], keep_news, replicas_progress),
        "observation": observation.run,
        "relay": clients.relay.run,
        "worker": works.worker.run,
        "promoter": works.promoter.run,
        "projector": works.projector.run,
        "alias": works.alias.run,
    }
    return {**needed.before(work), "http": HttpServer(health_app(routes), settings.http).run}


def main() -> int:
    """Run until told to stop; return the exit code."""
    return start(GROUP, TrainerSettings, serve)


if __name__ == "__main__":
    sys.exit(main())
