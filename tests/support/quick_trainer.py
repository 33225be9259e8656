"""Be the trainer towards those who ask it, on a real database and broker, without a fit: a made-up model in no time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID, uuid4

from readmit_contracts.events import ReplacedModel, ReplicaReported
from readmit_contracts.topics import MODELS_COMMANDS, MODELS_PROMOTED, TRAINING_COMMANDS
from readmit_runtime.commands import CommandHandler
from readmit_runtime.database import Pool
from readmit_runtime.dead_letters import DeadLetterLimit
from readmit_runtime.kafka_topic_reader import KafkaTopicReader
from readmit_runtime.settings import KafkaSettings
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_topic_reader import FakeTopicReader
from support.small_fit import SMALL
from trainer.asking.requests import Requests
from trainer.decision import Decision
from trainer.metrics import TrainerMetrics
from trainer.promotion.announced import Announcer
from trainer.promotion.promoter import Promoter
from trainer.replicas import store as replicas
from trainer.work.store import JobStore, TrainedModel


class MadeUpGate:
    """A gate that knows the AUROC of every model: that by which it was made up."""

    def __init__(self, auroc: dict[str, float]) -> None:
        self._auroc = auroc

    async def judge(self, challenger: str, *, champion: ReplacedModel | None, frame_key: str) -> Decision:
        """Decide as the real one does."""
        metrics = {"challenger_auroc": self._auroc[challenger]}
        if champion is not None:
            metrics["champion_auroc"] = self._auroc[champion.model_id]
            metrics["auroc_gain"] = metrics["challenger_auroc"] - metrics["champion_auroc"]
        passed = metrics.get("auroc_gain", 1.0) > 0
        return Decision(
            rule="test",
            passed=passed,
            refusals=() if passed else ("AUROC_NOT_BETTER",),
            challenger=challenger,
            champion=champion.model_id if champion is not None else None,
            rows=100,
            patients=50,
            metrics=metrics,
        )


class QuickTrainer:
    """Takes commands as the trainer does; each job comes to a model of the next AUROC of `qualities`."""

    def __init__(self, pool: Pool, metrics: TrainerMetrics, qualities: list[float]) -> None:
        self._pool = pool
        self._qualities = qualities
        self._auroc: dict[str, float] = {}
        self._jobs = JobStore(pool, owner="quick", lease_s=30.0)
        broker = FakeBroker()
        broker.create_topic(MODELS_PROMOTED.name)
        announcer = Announcer(pool, lambda: FakeTopicReader(broker, MODELS_PROMOTED.name), limit_s=5.0)
        self._handle = CommandHandler(
            pool,
            "training",
            "trainer",
            Requests(SMALL, {"lightgbm": "test"}).handlers(),
            limit=DeadLetterLimit(50),
            wake=lambda: None,
        )
        self._promoter = Promoter(
            pool,
            MadeUpGate(self._auroc),
            announcer,
            announce_every_s=3600.0,
            await_version=self._register,
            metrics=metrics,
            on_ended=lambda: None,
        )

    @asynccontextmanager
    async def at_work(self, kafka: KafkaSettings) -> AsyncIterator[None]:
        """Act on whatever comes in the commands' topics from now on."""
        readers = [
            KafkaTopicReader(kafka, topic.name, client_id="test") for topic in (TRAINING_COMMANDS, MODELS_COMMANDS)
        ]
        for reader in readers:
            await reader.start()
            while not reader.caught_up:
                await reader.read(0.1)
        working = asyncio.create_task(self._work(readers))
        try:
            yield
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
            for reader in readers:
                await reader.stop()

    async def serve(self, *, epoch: int, replica: str = "host-1") -> None:
        """Let a predictor report now that it serves an epoch."""
        async with self._pool.acquire() as connection, connection.transaction():
            lineage: UUID = await connection.fetchval("SELECT lineage FROM training.lineage")
            now_ms = await connection.fetchval("SELECT (extract(epoch FROM now()) * 1000)::bigint")
            news = ReplicaReported(
                replica=replica,
                model="readmission",
                epoch=epoch,
                lineage=lineage,
                model_id="0" * 64,
                feature_versions=(1,),
                status="serving",
            )
            await replicas.keep(connection, [(news, now_ms)])

    async def _work(self, readers: list[KafkaTopicReader]) -> None:
        while True:
            for reader in readers:
                await self._handle(await reader.read(0.05))
            await self._train()
            await self._promoter.turn()

    async def _train(self) -> None:
        while (job := await self._jobs.claim()) is not None:
            auroc = self._qualities.pop(0)
            model_id = uuid4().hex * 2
            self._auroc[model_id] = auroc
            figures = {split: {"rows": 100.0, "auroc": auroc} for split in ("validation", "test")}
            made = TrainedModel(
                model_id=model_id,
                frame_key="datasets/test",
                evidence_key="models/test",
                metrics={**figures, "best_iteration": 12},
                durations_s={"fitted": 0.1},
            )
            await self._jobs.finish(job, made, duration_s=0.1)

    async def _register(self, model_id: str) -> None:
        async with self._pool.acquire() as connection:
            await connection.execute(
                "UPDATE training.models SET mlflow_version = (SELECT count(*) FROM training.models)::text "
                "WHERE model_id = $1 AND mlflow_version IS NULL",
                model_id,
            )
