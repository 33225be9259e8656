"""The whole way in one trace: a command as Airflow sends it, through every service, to the model that answers."""

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from types import ModuleType
from uuid import uuid4

import httpx
import pytest
from batch_producer.__main__ import serve as batch_producer
from batch_producer.settings import BatchProducerSettings
from ingestor.__main__ import serve as ingestor
from ingestor.settings import IngestorSettings
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from predictor.__main__ import serve as predictor
from predictor.settings import PredictorSettings
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from readmit_cli.stack.programs import KAFKA, POSTGRES, S3
from readmit_cli.stack.stack import Stack
from readmit_contracts.topics import BATCHES, INGESTION_COMMANDS, INGESTION_EVENTS, MODELS_PROMOTED, TRAINING_EVENTS
from readmit_runtime import tracing
from readmit_runtime.kafka_producer import KafkaProducer
from readmit_runtime.lifecycle import run_loops
from readmit_runtime.messages import OutgoingRecord
from readmit_runtime.producer_settings import ProducerSettings
from readmit_runtime.settings import KafkaSettings, load
from readmit_runtime.trace_context import trace_id_of
from support.generated_text import ROOT
from support.planned_store import source_bytes
from support.stack import temporary_stack
from support.trainer_rig import cohort_lines
from trainer.__main__ import serve as trainer
from trainer.settings import TrainerSettings

PATIENCE_S = 90.0
PLUGIN = ROOT / "airflow" / "plugins" / "readmit_airflow"
SERVICES = {
    "batch_producer": (batch_producer, BatchProducerSettings),
    "ingestor": (ingestor, IngestorSettings),
    "trainer": (trainer, TrainerSettings),
    "predictor": (predictor, PredictorSettings),
}
WAY = (
    f"process {INGESTION_COMMANDS.name}",
    f"publish {INGESTION_EVENTS.name}",
    "ingest.stream",
    f"publish {BATCHES['train'].name}",
    f"publish {BATCHES['validation'].name}",
    "ingest.transaction",
    "ingest.clean",
    f"process {INGESTION_EVENTS.name}",
    "training.job",
    "training.fit",
    f"publish {TRAINING_EVENTS.name}",
    "promotion",
    f"publish {MODELS_PROMOTED.name}",
    f"process {MODELS_PROMOTED.name}",
    "model.reload",
)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Give a stack without services, in whose topics no other test has left anything."""
    with temporary_stack() as stack:
        stack.up([KAFKA, POSTGRES, S3])
        yield stack


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    """Export this process's spans to memory."""
    exporter = InMemorySpanExporter()
    tracing.export_to(SimpleSpanProcessor(exporter), service="all")
    yield exporter
    tracing.stop()


@pytest.fixture
def airflow_contract(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Give what Airflow's publishing task makes ids, bytes and traces with; it needs no Airflow."""
    monkeypatch.syspath_prepend(str(PLUGIN.parent))
    yield importlib.import_module(f"{PLUGIN.name}.contract")
    for name in [name for name in sys.modules if name.partition(".")[0] == PLUGIN.name]:
        del sys.modules[name]


async def test_one_trace_leads_from_the_airflow_task_to_the_reload(
    stack: Stack, exported: InMemorySpanExporter, airflow_contract: ModuleType, monkeypatch, tmp_path
):
    """Each of its hops, by Kafka or by a row, is one at which it could break; all parts are the real ones."""
    dataset = tmp_path / "dataset.csv"
    dataset.write_bytes(source_bytes(cohort_lines(2000)))
    changes = {
        "READMIT_BATCH_PRODUCER_DATASET": str(dataset),
        "READMIT_TRAINER_MLFLOW__URI": "http://127.0.0.1:9",  # down: no part of the way waits for it
        "READMIT_TRAINER_FIT__SCRATCH": str(tmp_path / "scratch"),
        "READMIT_PREDICTOR_PREDICTION_LOG__SPOOL": str(tmp_path / "spool"),
        "READMIT_PREDICTOR_LOAD__CACHE": str(tmp_path / "cache"),
    }
    for service in SERVICES:
        for name, value in (stack.environment(service) | changes).items():
            monkeypatch.setenv(name, value)
    address = f"http://127.0.0.1:{load(PredictorSettings).http.port}"
    async with _running(), httpx.AsyncClient(base_url=address) as client:
        sent = await _ask_as_airflow_does(stack, airflow_contract)
        await _until(lambda: _is_ready(client))
        await _until(lambda: _ended(exported, "model.reload"))
        metrics = await client.get("/metrics", headers={"accept": "application/openmetrics-text;version=1.0.0"})

    spans = _of_trace(exported, trace_id_of(sent))
    assert set(WAY) <= {span.name for span in spans}
    _assert_no_gap(spans, begins_at=sent)
    assert _trace_ids(metrics.text, "readmit_predictor_load_duration_seconds") == {trace_id_of(sent)}


@asynccontextmanager
async def _running() -> AsyncIterator[None]:
    """Run all services in this process."""
    stop = asyncio.Event()

    def loop(serve, settings):
        return lambda stop: serve(settings, stop)

    services = {name: loop(serve, load(settings)) for name, (serve, settings) in SERVICES.items()}
    running = asyncio.create_task(run_loops(services, stop, shutdown_s=30))
    try:
        yield
    finally:
        stop.set()
        await running


async def _ask_as_airflow_does(stack: Stack, contract: ModuleType) -> str:
    """Publish what the task of a DAG publishes; give its trace context."""
    kind = contract.message_type("StartIngestion")
    value = {"batches": {"train": "all", "validation": "all"}, "then": "train_and_promote"}
    command_id = contract.command_id(contract.encode(value), "pipeline", "ingest", str(uuid4()))
    traceparent = contract.traceparent(command_id, "pipeline", "manual__1")
    headers = {
        "ce_specversion": "1.0",
        "ce_id": command_id,
        "ce_type": kind.ce_type,
        "ce_source": contract.SOURCE,
        "content-type": "application/json",
        "traceparent": traceparent,
    }
    record = OutgoingRecord(
        kind.topic,
        kind.key(value).encode(),
        contract.encode(value),
        tuple((name, text.encode()) for name, text in headers.items()),
    )
    kafka = KafkaSettings(bootstrap_servers=stack.kafka_bootstrap)
    producer = KafkaProducer(kafka, ProducerSettings(), client_id="airflow")
    await producer.publish(record)
    await producer.close()
    return traceparent


def _of_trace(exported: InMemorySpanExporter, trace_id: str) -> list[ReadableSpan]:
    return [span for span in exported.get_finished_spans() if f"{span.context.trace_id:032x}" == trace_id]


def _assert_no_gap(spans: list[ReadableSpan], *, begins_at: str) -> None:
    known = {f"{span.context.span_id:016x}" for span in spans} | {begins_at.split("-")[2]}
    orphans = {span.name for span in spans if span.parent is None or f"{span.parent.span_id:016x}" not in known}
    assert not orphans


def _trace_ids(exposition: str, histogram: str) -> set[str]:
    families = {family.name: family for family in text_string_to_metric_families(exposition)}
    return {sample.exemplar.labels["trace_id"] for sample in families[histogram].samples if sample.exemplar}


async def _ended(exported: InMemorySpanExporter, name: str) -> bool:
    return any(span.name == name for span in exported.get_finished_spans())


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/health/ready")).json()["checks"]["model"] == "ok"
    except httpx.TransportError:
        return False


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            await asyncio.sleep(0.1)
