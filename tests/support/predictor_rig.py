"""Assemble a predictor on fakes: a broker, an object store and no network."""

import asyncio
import atexit
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import httpx
from predictor.access_keys import AccessKeys
from predictor.announcements import Announcements
from predictor.app import create_app
from predictor.batches import BatchPredictions
from predictor.bundle_source import BundleSource
from predictor.cold_start import ColdStart
from predictor.load_reports import LoadReports
from predictor.loading import ModelLoader
from predictor.metrics import PredictorMetrics
from predictor.model_build import build_model
from predictor.model_cache import ModelCache
from predictor.prediction_log import PredictionLog
from predictor.predictions import Answers, Predictions
from predictor.promoted_bundle import PromotedBundle
from predictor.promotions import Promotions
from predictor.request import BodyLimits
from predictor.routes import model_routes, operations
from predictor.serving import LoadedModel, Serving
from predictor.settings import PredictionLogSettings
from predictor.trial import try_bundle
from predictor.trial_process import Trial
from prometheus_client import CollectorRegistry
from readmit_contracts.access import ID_BYTES, SECRET_BYTES, AccessKey, digest_of, key_id_of, make_key
from readmit_contracts.bundle import read_bundle
from readmit_contracts.events import ModelPromoted
from readmit_contracts.fields import Message
from readmit_contracts.topics import MODELS_LOADED, MODELS_PROMOTED, PREDICTIONS, TOPICS
from readmit_runtime.backoff import Backoff
from readmit_runtime.clock import Clock
from readmit_runtime.http import health_routes
from readmit_runtime.messages import IncomingRecord, incoming
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_object_store import FakeObjectStore
from readmit_runtime.testing.fake_producer import FakeProducer
from readmit_runtime.testing.fake_topic_reader import FakeTopicReader
from support.model_bundles import promotion, promotion_record
from trainer.bundle import BundleFiles

REPLICA = "predictor-1"
BODY_BYTES = 65_536
BATCH_BYTES = 2 * 1024 * 1024
KEY = make_key(b"\x01" * ID_BYTES, b"\x02" * SECRET_BYTES)
AUTHORIZED = {"authorization": f"Bearer {KEY}"}
PATIENCE_S = 10.0
SPOOLS = tempfile.TemporaryDirectory()
atexit.register(SPOOLS.cleanup)

_Message = TypeVar("_Message", bound=Message)


def loaded(bundle: BundleFiles, event: ModelPromoted | None = None) -> LoadedModel:
    """Give a bundle's model, loaded."""
    read = read_bundle(bundle.manifest, bundle.files, model_id=bundle.model_id)
    return build_model(read, event or promotion(bundle.model_id), now=datetime(2026, 1, 1, tzinfo=UTC))


def log_settings_of(**given: object) -> PredictionLogSettings:
    """Give settings of a prediction log that is quick, in a spool of its own unless one is given."""
    spool = Path(SPOOLS.name) / uuid4().hex
    return PredictionLogSettings.model_validate({"spool": spool, "flush_interval_s": 0.01, **given})


def access_key(
    text: str,
    *,
    scopes: tuple[str, ...] = ("predict",),
    expires_at: datetime | None = None,
) -> AccessKey:
    """Give what is known of a key."""
    key_id = key_id_of(text)
    assert key_id is not None
    return AccessKey(key_id=key_id, sha256=digest_of(text), scopes=scopes, expires_at=expires_at, label="tests")


class TrialInProcess:
    """A trial for bundles that crash nothing: the child's own work, in a thread instead."""

    async def check(self, bundle: PromotedBundle) -> None:
        """Return when the bundle can be loaded; raises BundleInvalid."""
        await asyncio.to_thread(try_bundle, bundle)


class PredictorRig:
    """The parts of one predictor, put together as its composition root does, on fakes."""

    def __init__(
        self,
        *,
        store: FakeObjectStore | None = None,
        log_settings: PredictionLogSettings | None = None,
        body_read_s: float = 10.0,
        keep_inputs: bool = False,
        max_requests: int = 256,
        max_batches_bytes: int = 8 * 1024 * 1024,
        keys: Sequence[AccessKey] | None = (access_key(KEY),),
        clock: Clock | None = None,
        cache: ModelCache | None = None,
        trial: Trial | None = None,
    ) -> None:
        self.broker = FakeBroker()
        for topic in TOPICS:
            self.broker.create_topic(topic.name)
        self.store = store or FakeObjectStore()
        self.producer = FakeProducer(self.broker)
        self.registry = CollectorRegistry()
        self.metrics = PredictorMetrics(self.registry)
        self.serving = Serving()
        self.announcements = Announcements(self.producer, metrics=self.metrics, backoff=_eager())
        self.promotions = Promotions("readmission", held=self.serving.identity, metrics=self.metrics)
        trial = trial or TrialInProcess()
        self.loader = ModelLoader(
            promotions=self.promotions,
            source=BundleSource(lambda: self.store, limit_s=PATIENCE_S),
            trial=trial,
            serving=self.serving,
            reports=LoadReports(REPLICA, self.announcements, self.metrics),
            cache=cache,
            cold_start=None
            if cache is None
            else ColdStart("readmission", cache, trial=trial, serving=self.serving, metrics=self.metrics),
            new_backoff=_eager,
        )
        self.log = PredictionLog(
            replica=REPLICA,
            producer=self.producer,
            settings=log_settings or log_settings_of(flush_limit_s=5.0),
            metrics=self.metrics,
            backoff=_eager(),
        )
        self.keys = AccessKeys(clock)
        if keys is not None:
            self.keys.remember(keys)
        answers = Answers(keep_inputs=keep_inputs)
        self.batches = BatchPredictions(
            serving=self.serving, prediction_log=self.log, most_bytes=max_batches_bytes, answers=answers
        )
        self.app = create_app(
            api=model_routes(self.serving),
            operations=operations(
                predictions=Predictions(
                    serving=self.serving, prediction_log=self.log, metrics=self.metrics, answers=answers
                ),
                batches=self.batches,
                limits=BodyLimits(max_bytes=BODY_BYTES, read_s=body_read_s),
                batch_limits=BodyLimits(max_bytes=BATCH_BYTES, read_s=body_read_s),
            ),
            health=health_routes(
                alive=lambda: True,
                checks={"model": self.loader.check_loaded, "access keys": self.keys.check_known},
                registry=self.registry,
            ),
            keys=self.keys,
            max_requests=max_requests,
            metrics=self.metrics,
            version="0",
        )

    def client(self, key: str | None = KEY) -> httpx.AsyncClient:
        """Give a client of the application that needs no socket; it shows this key."""
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        transport = httpx.ASGITransport(app=self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://predictor", headers=headers)

    def store_bundle(self, bundle: BundleFiles) -> None:
        """Put a bundle where the trainer puts it."""
        self.store.objects.update(bundle.objects())

    def publish(self, event: ModelPromoted) -> None:
        """Publish a promotion."""
        self.broker.append(promotion_record(event))

    def sent(self, kind: type[_Message]) -> list[_Message]:
        """Give the messages of one kind that the predictor published, in order."""
        records = [*self.broker.records(MODELS_LOADED.name), *self.broker.records(PREDICTIONS.name)]
        messages = [incoming(record)[1] for record in records]
        return [message for message in messages if isinstance(message, kind)]

    def sample(self, name: str, **labels: str) -> float:
        """Give a metric's value, 0 before its first change."""
        return self.registry.get_sample_value(name, labels) or 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the loops; at the end they are stopped as the process's lifecycle does it."""
        stop = asyncio.Event()
        tasks = [
            asyncio.create_task(self._follow_promotions(stop)),
            asyncio.create_task(self.loader.run(stop)),
            asyncio.create_task(self.announcements.run(stop)),
            asyncio.create_task(self.log.run(stop)),
        ]
        try:
            yield
        finally:
            stop.set()
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*tasks)

    async def _follow_promotions(self, stop: asyncio.Event) -> None:
        await self.loader.restored.wait()
        await self.promotions.run(self._reader, stop)

    def _reader(self) -> FakeTopicReader:
        return QuickReader(self.broker, MODELS_PROMOTED.name)


class QuickReader(FakeTopicReader):
    """A reader that returns soon with nothing, so that tests end soon."""

    async def read(self, timeout_s: float) -> Sequence[IncomingRecord]:
        """Return the next records, else wait a moment."""
        return await super().read(min(timeout_s, 0.01))


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds; fails after a while."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


def _eager() -> Backoff:
    return Backoff(first_s=0.005, most_s=0.01)
