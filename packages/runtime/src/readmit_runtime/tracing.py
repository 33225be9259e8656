"""Make spans and export them, where the settings say where to; elsewhere hand the trace context on and cost nothing.

OpenTelemetry is imported by `configure` alone, once there is an endpoint.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from readmit_runtime import trace_context
from readmit_runtime.settings import TracingSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

    from readmit_runtime.span_export import Exporting

Kind = Literal["internal", "server", "producer", "consumer"]
Attribute = str | int | UUID | None
Note = Callable[[str, Attribute], None]
"""Adds an attribute to a span: an id, a count or a code, never a row's value. None adds nothing."""

_exporting: "Exporting | None" = None


def configure(settings: TracingSettings, *, service: str) -> None:
    """Export this process's spans if there is an endpoint; call it before metrics and clients are made."""
    if settings.endpoint is not None:
        from readmit_runtime.span_export import otlp

        export_to(otlp(settings), service=service, share=settings.share)


def export_to(processor: "SpanProcessor", *, service: str, share: float = 1.0) -> None:
    """Give every span that ends to this processor from now on."""
    from readmit_runtime.span_export import Exporting

    global _exporting
    _exporting = Exporting(processor, service=service, share=share)


def stop() -> None:
    """Export what is left, and nothing more.

    A process that ends needs no call: OpenTelemetry does the same when Python ends, after the shutdown budget, and a
    collector that is silent holds that up for six seconds more.
    """
    global _exporting
    exporting, _exporting = _exporting, None
    if exporting is not None:
        exporting.close()


def exporting() -> bool:
    """Tell whether spans are made in this process."""
    return _exporting is not None


@contextmanager
def span(
    name: str,
    *,
    parent: str | None = None,
    links: Sequence[str] = (),
    kind: Kind = "internal",
    attributes: Mapping[str, Attribute] | None = None,
) -> Iterator[Note]:
    """Do the block's work under a span: a child of `parent`, or else of the current one, or else a trace's beginning.

    Gives what adds attributes later. An error that leaves the block is noted by its type; its text may hold a value.
    """
    if _exporting is None:
        with trace_context.carrying(parent):
            yield _ignore
        return
    with _exporting.span(name, parent or trace_context.current(), links, kind) as (note, traceparent):
        for key, value in (attributes or {}).items():
            note(key, value)
        with trace_context.replacing(traceparent):
            yield note


def _ignore(_key: str, _value: Attribute) -> None:
    """There is no span."""
