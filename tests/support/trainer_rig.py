"""Run the trainer's parts by hand: messages in, one job or one round of wishes at a time, rows and events out."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
from prometheus_client import CollectorRegistry
from readmit_contracts.batches import BatchRef
from readmit_contracts.columns import COLUMNS
from readmit_contracts.envelope import decode
from readmit_contracts.events import IngestionCompleted, ModelPromoted, StoreReset
from readmit_contracts.fields import Message
from readmit_contracts.registry import ce_type
from readmit_contracts.topics import MODELS_COMMANDS, MODELS_PROMOTED, TOPICS
from readmit_runtime.commands import CommandHandler
from readmit_runtime.database import Connection, Pool
from readmit_runtime.dead_letters import DeadLetterLimit
from readmit_runtime.messages import IncomingRecord, outgoing
from readmit_runtime.object_store import ObjectStore
from readmit_runtime.s3_object_store import S3ObjectStore
from readmit_runtime.settings import ObjectStoreSettings
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_topic_reader import FakeTopicReader
from support.cohort import cohort
from support.encounters import source_file
from support.planned_store import PlannedStore, records
from support.small_fit import SMALL
from trainer.alias.reconciler import AliasReconciler
from trainer.alias.store import AliasStore
from trainer.asking.intake import Intake
from trainer.asking.requests import Requests
from trainer.metrics import TrainerMetrics
from trainer.projection.mlflow_server import MlflowServer
from trainer.projection.projector import Projector
from trainer.projection.store import ProjectionStore
from trainer.promotion.announced import Announcer
from trainer.promotion.gate_work import GateWork
from trainer.promotion.promoter import Promoter
from trainer.recipe import Recipe
from trainer.scratch import Scratch
from trainer.settings import JobSettings, MlflowSettings
from trainer.training_process import ChildLimits
from trainer.work.job import JobWork
from trainer.work.store import JobStore
from trainer.work.worker import Worker

LIBRARIES = {"lightgbm": "test"}
TABLES = (
    "jobs, training.wishes, training.models, training.decisions, training.champions, training.promotions, "
    "training.alias_projection, training.replicas, training.inbox, training.outbox"
)


def cohort_lines(rows: int, *, seed: int = 1) -> list[str]:
    """Give lines of a dataset file with a label that can be learned."""
    return [",".join(raw[column.sql_name] for column in COLUMNS) for raw in cohort(rows, seed=seed)]


class TrainerRig:
    """One trainer on a real database and object store, in its own role."""

    def __init__(
        self, admin: Connection, pool: Pool, object_store: ObjectStoreSettings, store: PlannedStore, scratch: Path
    ) -> None:
        self.name = f"rig-{uuid4().hex[:8]}"
        """A model name and an experiment that no other test has."""
        self.admin = admin
        self.pool = pool
        self.object_store = object_store
        self.objects = S3ObjectStore(object_store)
        self.store = store
        self.scratch_root = scratch
        self.scratch = Scratch(scratch)
        self.broker = FakeBroker()
        self.broker.create_topic(MODELS_PROMOTED.name)
        self.registry = CollectorRegistry()
        self.metrics = TrainerMetrics(self.registry)
        self.limits = ChildLimits(wall_s=60.0)

    async def empty(self) -> None:
        """Forget every job, model and promotion."""
        await self.admin.execute(f"TRUNCATE training.{TABLES} RESTART IDENTITY")

    async def ingest(self, lines: Sequence[str], *, dataset_no: int = 1) -> None:
        """Plan, store and clean a dataset."""
        source = source_file(lines)
        await self.store.plan(source, lines)
        await self.store.store(records(source, dataset_no, await self.generation()))
        await self.store.clean()

    async def generation(self) -> int:
        """Give the store's generation."""
        return await self.admin.fetchval("SELECT generation FROM ingest.store")

    async def training_set(self) -> tuple[BatchRef, ...]:
        """Give the batches that are clean now."""
        rows = await self.admin.fetch("SELECT ref FROM ingest.batch_refs WHERE state = 'clean' ORDER BY split, batch")
        return tuple(msgspec.json.decode(row["ref"], type=BatchRef) for row in rows)

    async def completed(self, then: str = "train_and_promote", **changes: object) -> IngestionCompleted:
        """Give the event of a run over everything that is clean now."""
        training_set = await self.training_set()
        fields = {
            "run_id": uuid4(),
            "command_id": uuid4(),
            "dataset_id": training_set[0].dataset_id,
            "dataset_no": training_set[0].dataset_no,
            "generation": await self.generation(),
            "then": then,
            "run_batches": training_set,
            "training_set": training_set,
        }
        return IngestionCompleted(**{**fields, **changes})

    async def reset(self) -> StoreReset:
        """Begin a new generation, as the batch producer does, and give its event."""
        generation = await self.admin.fetchval(
            "UPDATE ingest.store SET generation = generation + 1 RETURNING generation"
        )
        await self.admin.execute(
            "TRUNCATE clean.train, clean.validation, clean.test, raw.train, raw.validation, raw.test"
        )
        return StoreReset(generation=generation, command_id=uuid4(), reason="a fresh start", actor="test")

    async def replan(self) -> None:
        """Plan the batches anew under the present generation, as a reset does."""
        await self.admin.execute(
            "TRUNCATE ingest.chunks, ingest.batches, ingest.runs, ingest.run_batches, ingest.planned_chunks, "
            "ingest.datasets RESTART IDENTITY"
        )

    async def send(self, message: Message, *, message_id: UUID | None = None, recipe: Recipe = SMALL) -> UUID:
        """Deliver a message to the trainer; give its id."""
        message_id = message_id or uuid4()
        requests = Requests(recipe, LIBRARIES)
        handler = CommandHandler(
            self.pool, "training", "trainer", requests.handlers(), limit=DeadLetterLimit(50), wake=lambda: None
        )
        await Intake(handler)([as_delivered(message, message_id)])
        return message_id

    def worker(self, *, recipe: Recipe = SMALL, objects: ObjectStore | None = None, **settings: object) -> Worker:
        """Give a worker of its own name."""
        given = JobSettings(**{"lease_s": 5.0, "renew_s": 0.3, **settings})
        store = JobStore(self.pool, owner=str(uuid4()), lease_s=given.lease_s)
        work = JobWork(
            self.pool, objects or self.objects, self.scratch, recipe=recipe, libraries=LIBRARIES, limits=self.limits
        )
        return Worker(store, work, given, metrics=self.metrics, on_ended=lambda: None)

    async def work(self, *, recipe: Recipe = SMALL, **settings: object) -> bool:
        """Do one job; tell whether there was one."""
        return await self.worker(recipe=recipe, **settings).turn(asyncio.Event())

    def promoter(self, gate: GateWork | None = None) -> Promoter:
        """Give a promoter that finds what the trainer announced in the topic."""

        async def at_once(_model_id: str) -> None:
            """Wait for no version."""

        announcer = Announcer(self.pool, lambda: FakeTopicReader(self.broker, MODELS_PROMOTED.name), limit_s=5.0)
        return Promoter(
            self.pool,
            gate or GateWork(self.objects, self.scratch, limits=self.limits),
            announcer,
            announce_every_s=3600.0,
            await_version=at_once,
            metrics=self.metrics,
            on_ended=lambda: None,
        )

    def server(self, uri: str) -> MlflowServer:
        """Give the way to MLflow; every rig has an experiment of its own."""
        return MlflowServer(MlflowSettings(uri=uri, experiment=self.name), self.object_store)

    def projector(self, server: MlflowServer) -> Projector:
        """Give a projector of this rig's models."""
        return Projector(
            ProjectionStore(self.pool),
            self.objects,
            self.scratch,
            server,
            limits=ChildLimits(wall_s=60.0),
            metrics=self.metrics,
            on_registered=lambda: None,
        )

    def alias(self, server: MlflowServer) -> AliasReconciler:
        """Give a reconciler of this rig's models."""
        return AliasReconciler(AliasStore(self.pool), server, metrics=self.metrics)

    async def take_commands(self) -> int:
        """Deliver what the reconciler published to the commands' topic, as Kafka would; give their number."""
        rows = await self.admin.fetch(
            "UPDATE training.outbox SET published_at = now() WHERE published_at IS NULL AND topic = $1 "
            "RETURNING event_id, header_values, value",
            MODELS_COMMANDS.name,
        )
        for row in rows:
            types = [value.decode() for value in row["header_values"] if value.startswith(b"readmit.")]
            await self.send(decode(types[0], row["value"]), message_id=row["event_id"])
        return len(rows)

    async def promote(self) -> None:
        """Work off the wishes that are ready."""
        await self.promoter().turn()

    async def crown(self, model_id: str, *, epoch: int) -> None:
        """Make a model the champion by hand, as if the gate had let it through."""
        before = await self.admin.fetchrow("SELECT model, model_id FROM training.champions")
        await self.admin.execute("UPDATE training.champions SET epoch = $1, model_id = $2", epoch, model_id)
        await self.admin.execute(
            "INSERT INTO training.promotions (model, epoch, model_id, kind, command_id, actor, reason, replaces_epoch, "
            "replaces_model_id) VALUES ($1, $2, $3, 'promotion', gen_random_uuid(), 'test', 'test', $4, $5)",
            before["model"],
            epoch,
            model_id,
            epoch - 1,
            before["model_id"],
        )

    async def empty_promotions(self) -> None:
        """Forget every promotion, as a database restored from an older backup does."""
        await self.admin.execute("TRUNCATE training.promotions, training.champions, training.wishes")

    async def replica_lives(self, *, replica: str = "predictor-0", feature_versions: tuple[int, ...] = (1,)) -> None:
        """Let a replica of every model name report now."""
        await self.admin.execute(
            "INSERT INTO training.replicas (replica, model, status, feature_versions, reported_at) "
            "SELECT $1, coalesce(max(model), 'readmission'), 'serving', $2::integer[], now() FROM training.models",
            replica,
            list(feature_versions),
        )

    async def job(self, job_id: UUID | None = None) -> dict:
        """Give the row of a job, or of the only one."""
        rows = await self.admin.fetch("SELECT * FROM training.jobs WHERE $1::uuid IS NULL OR job_id = $1", job_id)
        assert len(rows) == 1
        return dict(rows[0])

    async def command(self, command_id: UUID) -> tuple[str, str | None]:
        """Give what became of a command: outcome and reason, as operators see it."""
        row = await self.admin.fetchrow("SELECT outcome, reason FROM status.commands WHERE command_id = $1", command_id)
        return row["outcome"], row["reason"]

    async def detail(self, command_id: UUID) -> str:
        """Give the sentence about a command."""
        return await self.admin.fetchval("SELECT detail FROM status.commands WHERE command_id = $1", command_id)

    async def history(self) -> list[tuple[int, str, str]]:
        """Give every promotion: epoch, kind, model id."""
        rows = await self.admin.fetch("SELECT epoch, kind, model_id FROM status.promotions ORDER BY epoch")
        return [(row["epoch"], row["kind"], row["model_id"]) for row in rows]

    async def events(self, kind: type[Message]) -> list[Message]:
        """Give the announced events of one type, in order."""
        rows = await self.admin.fetch(
            "SELECT value FROM training.outbox WHERE $1::bytea = ANY (header_values) ORDER BY id",
            ce_type(kind).encode(),
        )
        return [decode(ce_type(kind), row["value"]) for row in rows]

    async def promoted(self) -> list[ModelPromoted]:
        """Give the announced promotions, in order."""
        return await self.events(ModelPromoted)


def as_delivered(message: Message, message_id: UUID, *, timestamp_ms: int = 0) -> IncomingRecord:
    """Give the record in which the broker delivers a message."""
    topic = next(topic for topic in TOPICS if type(message) in topic.messages)
    sent = outgoing(topic, message, source="/test", id=message_id)
    return IncomingRecord(sent.topic, 0, 0, sent.key, sent.value, sent.headers, timestamp_ms)
