"""A trace goes on from message to message, whether or not the process that hands it on exports spans."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest
import structlog
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from predictor.metrics import PredictorMetrics
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest
from readmit_contracts.commands import TrainModel
from readmit_contracts.envelope import traceparent_of
from readmit_contracts.topics import TRAINING_COMMANDS
from readmit_runtime import logs, trace_context, tracing
from readmit_runtime.message_spans import TracedProducer, processing
from readmit_runtime.messages import IncomingRecord, OutgoingRecord, outgoing
from readmit_runtime.metric_collectors import Distribution, Histogram, TracedDistribution
from readmit_runtime.metrics import HistogramSpec, Metrics
from readmit_runtime.request_spans import traced
from readmit_runtime.settings import TracingSettings
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_producer import FakeProducer
from support.prediction_records import prediction_record

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
CALLER = f"00-{TRACE_ID}-b7ad6b7169203331-01"
UNWANTED = CALLER[:-1] + "0"
OTHER = "00-11f7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
COMMAND_ID = UUID("3a0c1e52-9a53-4a52-8a4c-5d1f2d1f8c11")
TOPIC = TRAINING_COMMANDS.name


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    """Export spans to memory."""
    exporter = InMemorySpanExporter()
    tracing.export_to(SimpleSpanProcessor(exporter), service="test")
    yield exporter
    tracing.stop()


@pytest.fixture
def broker() -> FakeBroker:
    """Give a broker with the topic that the tests publish to."""
    broker = FakeBroker()
    broker.create_topic(TOPIC)
    return broker


def message(traceparent: str | None = None) -> OutgoingRecord:
    """Give a message, of the current trace unless another is given."""
    return outgoing(TRAINING_COMMANDS, TrainModel(), source="/test", id=COMMAND_ID, traceparent=traceparent)


def as_delivered(record: OutgoingRecord) -> IncomingRecord:
    """Give the record as a consumer gets it."""
    return IncomingRecord(record.topic, 2, 7, record.key, record.value, record.headers, 0)


def test_a_service_that_exports_nothing_hands_the_trace_on() -> None:
    """A trace that ends at the one service without a collector would be of no use for the others."""
    assert not tracing.exporting()
    with processing(as_delivered(message(CALLER))):
        answer = message()
    assert traceparent_of(answer.headers) == CALLER
    assert traceparent_of(message().headers) is None


def test_a_command_begins_a_trace_that_is_found_by_its_id() -> None:
    """Also when it is repeated: it is one thing that was asked for."""
    begun = trace_context.of_command(COMMAND_ID)
    assert traceparent_of([("traceparent", begun.encode())]) == begun
    assert trace_context.trace_id_of(begun) == COMMAND_ID.hex


def test_a_row_of_another_trace_goes_on_in_its_own_and_one_of_the_same_under_the_nearer_cause() -> None:
    """The batch that completes two runs belongs to one of them."""
    nearer = f"00-{TRACE_ID}-00000000000000ab-01"
    with trace_context.carrying(nearer):
        with trace_context.carrying(CALLER):
            assert trace_context.current() == nearer
        with trace_context.carrying(OTHER):
            assert trace_context.current() == OTHER
        with trace_context.carrying(None):
            assert trace_context.current() == nearer
    assert trace_context.current() is None


async def test_publishing_and_processing_are_spans_in_a_row(exported: InMemorySpanExporter, broker: FakeBroker) -> None:
    """The reader goes on from the publishing, not from what was before it: so the time in Kafka can be seen."""
    producer = TracedProducer(FakeProducer(broker))
    with tracing.span("work", parent=CALLER, attributes={"readmit.run_id": COMMAND_ID, "readmit.epoch": None}):
        await producer.publish(message())
    with processing(broker.records(TOPIC)[0]):
        pass
    publish, work, process = exported.get_finished_spans()
    assert [span.name for span in (publish, work, process)] == [f"publish {TOPIC}", "work", f"process {TOPIC}"]
    assert {span.context.trace_id for span in (publish, work, process)} == {int(TRACE_ID, 16)}
    assert work.parent.span_id == int("b7ad6b7169203331", 16)
    assert (publish.parent.span_id, process.parent.span_id) == (work.context.span_id, publish.context.span_id)
    assert (publish.kind, process.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert work.attributes == {"readmit.run_id": str(COMMAND_ID)}
    assert process.attributes["messaging.destination.name"] == TOPIC


async def test_a_publishing_that_failed_says_so_in_its_span(exported: InMemorySpanExporter, broker: FakeBroker) -> None:
    """The outcome is returned and not raised: the span would look like one of a record that was stored."""
    broker.away = True
    with trace_context.carrying(CALLER):
        await TracedProducer(FakeProducer(broker)).publish_all([message()])
    (publishing,) = exported.get_finished_spans()
    assert publishing.attributes["error.type"] == "DeliveryUnknown"


async def test_a_record_of_no_trace_is_published_as_it_is(exported: InMemorySpanExporter, broker: FakeBroker) -> None:
    """A trace for each report of a replica would bury those that somebody looks for."""
    record = message()
    await TracedProducer(FakeProducer(broker)).publish(record)
    assert broker.records(TOPIC)[0].headers == record.headers
    assert not exported.get_finished_spans()


def test_what_its_beginner_does_not_want_exported_is_handed_on_without_a_span(exported: InMemorySpanExporter) -> None:
    """Whoever began a trace decides for all of it, or half of it would be there."""
    with tracing.span("work", parent=UNWANTED):
        assert trace_context.exported_trace_id() is None
        assert trace_context.current().startswith(f"00-{TRACE_ID}-")
        assert trace_context.current().endswith("-00")
    assert not exported.get_finished_spans()


def test_an_error_is_told_by_its_type_alone(exported: InMemorySpanExporter) -> None:
    """Its text may hold a value of a patient's row."""
    with pytest.raises(ValueError, match="canary"), tracing.span("work"):
        raise ValueError("canary")
    (span,) = exported.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert "canary" not in span.to_json()


def test_a_span_is_linked_to_all_of_which_it_works_off_one_group(exported: InMemorySpanExporter) -> None:
    """A span has one parent, a transaction as many causes as it has chunks."""
    with tracing.span("group", parent=CALLER, links=[OTHER]):
        pass
    (span,) = exported.get_finished_spans()
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [trace_context.trace_id_of(OTHER)]


async def test_a_request_goes_on_in_the_trace_of_its_caller(exported: InMemorySpanExporter) -> None:
    """A hospital's own trace then shows what it waited for; other paths make no span."""

    async def app(scope, _receive, send) -> None:
        await send({"type": "http.response.start", "status": 422, "headers": []})
        await send({"type": "http.response.body", "body": (trace_context.current() or "none").encode()})

    transport = httpx.ASGITransport(app=traced(app, paths=["/v1/predict"]))
    async with httpx.AsyncClient(transport=transport, base_url="http://predictor") as client:
        answer = await client.post("/v1/predict", headers={"traceparent": CALLER})
        broken = await client.post("/v1/predict", headers={"traceparent": "00-canary"})
        other = await client.post("/health/live", headers={"traceparent": CALLER})
    assert trace_context.trace_id_of(answer.text) == TRACE_ID
    assert trace_context.trace_id_of(broken.text) != TRACE_ID
    assert other.text == "none"
    first, second = exported.get_finished_spans()
    assert (first.name, first.kind, first.attributes["http.response.status_code"]) == (
        "POST /v1/predict",
        SpanKind.SERVER,
        422,
    )
    assert second.parent is None


async def test_a_request_that_came_along_with_another_is_none_of_its_trace(exported: InMemorySpanExporter) -> None:
    """The server begins it within the other one's task, whose context it inherits; callers would share a trace."""

    async def app(_scope, _receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": (trace_context.current() or "none").encode()})

    transport = httpx.ASGITransport(app=traced(app, paths=["/v1/predict"]))
    async with httpx.AsyncClient(transport=transport, base_url="http://predictor") as client:
        with trace_context.replacing(CALLER):
            answer = await client.post("/v1/predict")
    assert trace_context.trace_id_of(answer.text) != TRACE_ID
    (span,) = exported.get_finished_spans()
    assert span.parent is None


def test_what_a_row_without_a_trace_leads_to_has_none() -> None:
    """Work on another run's rows may be what completes it."""
    with trace_context.replacing(CALLER):
        with trace_context.of_row(None):
            assert trace_context.current() is None
        with trace_context.of_row(OTHER):
            assert trace_context.current() == OTHER
        assert trace_context.current() == CALLER


def test_a_value_is_told_with_the_trace_it_came_from(exported: InMemorySpanExporter) -> None:
    """From a slow bucket to the request that was slow it is one click."""
    registry = CollectorRegistry()
    spec = HistogramSpec(name="readmit_test_work_duration_seconds", unit="seconds", help="Work.", buckets=(0.1, 1.0))
    histogram = Metrics("test", [spec], registry=registry).histogram(spec)
    with tracing.span("work", parent=CALLER):
        histogram.labels().observe(0.5)
    with tracing.span("unseen", parent=UNWANTED):
        histogram.labels().observe(0.05)
    exposition = generate_latest(registry).decode()
    assert f'le="1.0"}} 2.0 # {{trace_id="{TRACE_ID}"}} 0.5 ' in exposition
    assert 'le="0.1"} 1.0\n' in exposition


def test_a_value_that_is_no_time_is_told_of_nobody(exported: InMemorySpanExporter) -> None:
    """Nobody needs a key for the metrics, and a trace may lead to the patient whose probability it is."""
    registry = CollectorRegistry()
    scores = PredictorMetrics(registry)
    with tracing.span("work", parent=CALLER):
        scores.scored(prediction_record(0))
        scores.inferred(0.001)
    told = [line for line in generate_latest(registry).decode().splitlines() if TRACE_ID in line]
    assert told
    assert all(line.startswith("readmit_predictor_inference_duration_seconds") for line in told), told


def test_without_export_nothing_is_wrapped_kept_or_imported() -> None:
    """What is off may cost nothing where an answer takes 100 microseconds."""

    async def app(_scope, _receive, _send) -> None:
        """Answer nothing."""

    assert traced(app, paths=["/v1/predict"]) is app
    assert type(Histogram("a_b", "c", (), (1.0,), exemplars=True).labels()) is Distribution
    assert issubclass(TracedDistribution, Distribution)
    tracing.configure(TracingSettings(), service="test")
    assert not tracing.exporting()
    ask = "import sys, predictor.__main__; print([m for m in sys.modules if m.startswith('opentelemetry.sdk')])"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_endpoint_turns_the_export_on_and_nobody_there_stops_nothing() -> None:
    """A collector that is away must not take the service with it."""
    tracing.configure(TracingSettings(endpoint="http://127.0.0.1:9/"), service="test")
    assert tracing.exporting()
    with tracing.span("work"):
        pass
    tracing.stop()
    assert not tracing.exporting()


def test_a_log_line_of_traced_work_has_the_trace() -> None:
    """From a trace to what the services said in it, and back."""
    stream = io.StringIO()
    logs.configure(service="test", stream=stream)
    try:
        with trace_context.carrying(CALLER):
            structlog.get_logger("test").info("traced")
        structlog.get_logger("test").info("untraced")
    finally:
        structlog.reset_defaults()
    traced_line, untraced_line = (json.loads(line) for line in stream.getvalue().splitlines())
    assert traced_line["trace_id"] == TRACE_ID
    assert "trace_id" not in untraced_line
