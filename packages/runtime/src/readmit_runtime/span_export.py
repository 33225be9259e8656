"""Make OpenTelemetry's spans; imported only by a process that exports them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from readmit_runtime.settings import TracingSettings
from readmit_runtime.tracing import Attribute, Kind, Note

_EXPORT_LIMIT_S = 2.0  # of one request, its repetitions included
_WAITING, _IN_A_REQUEST = 1_024, 512  # spans: so the process's end waits for three requests at most, one under way
_KINDS: dict[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}


def otlp(settings: TracingSettings) -> SpanProcessor:
    """Return what sends spans in the background; spans that nobody takes in time are dropped and logged."""
    endpoint = f"{(settings.endpoint or '').rstrip('/')}/v1/traces"
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_LIMIT_S)
    return BatchSpanProcessor(exporter, max_queue_size=_WAITING, max_export_batch_size=_IN_A_REQUEST)


class Exporting:
    """The spans of one process."""

    def __init__(self, processor: SpanProcessor, *, service: str, share: float) -> None:
        self._provider = TracerProvider(
            resource=Resource.create({"service.namespace": "readmit", "service.name": service}),
            sampler=ParentBased(TraceIdRatioBased(share)),
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("readmit")

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    @contextmanager
    def span(self, name: str, parent: str | None, links: Sequence[str], kind: Kind) -> Iterator[tuple[Note, str]]:
        """Make a span as long as the block; give what adds attributes, and the span's own `traceparent`."""
        made = self._tracer.start_span(
            name,
            context=None if parent is None else set_span_in_context(NonRecordingSpan(_read(parent))),
            kind=_KINDS[kind],
            links=[Link(_read(link)) for link in links],
        )

        def note(key: str, value: Attribute) -> None:
            if value is not None:
                made.set_attribute(key, value if isinstance(value, int) else str(value))

        own = made.get_span_context()
        try:
            yield note, f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"
        except Exception as error:
            made.set_status(Status(StatusCode.ERROR, type(error).__qualname__))
            raise
        finally:
            made.end()


def _read(traceparent: str) -> SpanContext:
    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16) & 1))
