"""Run one predictor: settings, clients, loops."""

import asyncio
import gc
import os
import socket
import sys
from importlib.metadata import version

import structlog
from prometheus_client import CollectorRegistry
from readmit_contracts.topics import ACCESS_KEYS, MODELS_PROMOTED
from readmit_runtime.backoff import Backoff
from readmit_runtime.clock import SystemClock
from readmit_runtime.http import HttpServer, health_routes
from readmit_runtime.kafka_producer import KafkaProducer
from readmit_runtime.kafka_topic_reader import KafkaTopicReader
from readmit_runtime.lifecycle import run_loops
from readmit_runtime.message_spans import TracedProducer
from readmit_runtime.object_store import ObjectStore
from readmit_runtime.request_spans import traced
from readmit_runtime.service import start
from readmit_runtime.settings import ObjectStoreSettings

from predictor.access_keys import AccessKeys
from predictor.announcements import Announcements
from predictor.app import create_app
from predictor.batches import BatchPredictions
from predictor.bundle_source import BundleSource
from predictor.cold_start import ColdStart
from predictor.key_file import KeyFile
from predictor.key_topic import KeyTopic
from predictor.load_reports import LoadReports
from predictor.loading import ModelLoader
from predictor.metrics import PredictorMetrics
from predictor.model_cache import ModelCache
from predictor.prediction_log import PredictionLog
from predictor.predictions import Answers, Predictions
from predictor.promotions import Promotions
from predictor.replica import ReplicaReporter, replica_name
from predictor.request import BodyLimits
from predictor.routes import BATCH, PREDICT, model_routes, operations
from predictor.serving import Serving
from predictor.settings import PredictorSettings
from predictor.trial_process import TrialProcess

SERVICE = "predictor"
SWITCH_S = 0.0005  # how long a batch's thread may keep the interpreter from the loop that answers single requests


async def serve(settings: PredictorSettings, stop: asyncio.Event) -> None:
    """Run the loops of one predictor until `stop` is set."""
    registry = CollectorRegistry()
    metrics = PredictorMetrics(registry)
    replica = replica_name(
        settings.replica, host=socket.gethostname(), process=os.getpid(), started=SystemClock().now()
    )
    structlog.contextvars.bind_contextvars(replica=replica)
    producer = TracedProducer(KafkaProducer(settings.kafka, settings.producer, client_id=SERVICE))
    serving = Serving()
    announcements = Announcements(producer, metrics=metrics)
    promotions = Promotions(settings.model, held=serving.identity, metrics=metrics)
    trial = TrialProcess(settings.trial)
    cache = None if settings.load.cache is None else ModelCache(settings.load.cache)
    loader = ModelLoader(
        promotions=promotions,
        source=BundleSource(lambda: _open_store(settings.object_store), limit_s=settings.load.fetch_limit_s),
        trial=trial,
        serving=serving,
        reports=LoadReports(replica, announcements, metrics),
        cache=cache,
        cold_start=None
        if cache is None
        else ColdStart(settings.model, cache, trial=trial, serving=serving, metrics=metrics),
        new_backoff=lambda: Backoff(first_s=settings.load.retry_first_s, most_s=settings.load.retry_most_s),
    )
    reporter = ReplicaReporter(
        replica=replica,
        model=settings.model,
        serving=serving,
        is_loading=lambda: loader.busy,
        producer=producer,
        interval_s=settings.report_interval_s,
        metrics=metrics,
    )
    prediction_log = PredictionLog(
        replica=replica, producer=producer, settings=settings.prediction_log, metrics=metrics
    )
    keys = AccessKeys()
    key_topic = KeyTopic(keys, None if settings.keys.file is None else KeyFile(settings.keys.file))
    answers = Answers(keep_inputs=settings.log_inputs == "full")
    prediction_log.prepare()
    app = create_app(
        api=model_routes(serving),
        operations=operations(
            predictions=Predictions(serving=serving, prediction_log=prediction_log, metrics=metrics, answers=answers),
            batches=BatchPredictions(
                serving=serving,
                prediction_log=prediction_log,
                most_bytes=settings.limits.batches_bytes,
                answers=answers,
            ),
            limits=BodyLimits(max_bytes=settings.limits.body_bytes, read_s=settings.limits.body_read_s),
            batch_limits=BodyLimits(max_bytes=settings.limits.batch_bytes, read_s=settings.limits.body_read_s),
        ),
        # the loop that answers is the loop that liveness asks about: an answer is the proof
        health=health_routes(
            alive=lambda: True,
            checks={"model": loader.check_loaded, "access keys": keys.check_known},
            registry=registry,
        ),
        keys=keys,
        max_requests=settings.limits.requests,
        metrics=metrics,
        version=version("readmit-predictor"),
    )
    server = HttpServer(traced(app, paths=(PREDICT, BATCH)), settings.http)
    answered = asyncio.Event()

    async def answer(stop: asyncio.Event) -> None:
        try:
            await server.run(stop)
        finally:
            answered.set()  # only now is the log complete, and can be flushed

    async def follow_promotions(stop: asyncio.Event) -> None:
        await loader.restored.wait()
        await promotions.run(lambda: KafkaTopicReader(settings.kafka, MODELS_PROMOTED.name, client_id=SERVICE), stop)

    loops = {
        "promotions": follow_promotions,
        "access keys": lambda stop: key_topic.run(
            lambda: KafkaTopicReader(settings.kafka, ACCESS_KEYS.name, client_id=SERVICE), stop
        ),
        "loader": loader.run,
        "announcements": announcements.run,
        "reporter": reporter.run,
        "prediction log": lambda _stop: prediction_log.run(answered),
        "http": answer,
    }
    try:
        await run_loops(loops, stop, shutdown_s=settings.shutdown_s)
    finally:
        await producer.close()


def _open_store(settings: ObjectStoreSettings) -> ObjectStore:
    # not at the top: its library takes .2 s to import, and a start from the cache needs none of it
    from readmit_runtime.s3_object_store import S3ObjectStore

    return S3ObjectStore(settings)


def _favour_single_requests() -> None:
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()  # what is imported stays, and need not be looked through again and again


def main() -> int:
    """Run until told to stop; return the exit code."""
    return start(SERVICE, PredictorSettings, serve, prepare=_favour_single_requests)


if __name__ == "__main__":
    sys.exit(main())
