"""Trace messages as OpenTelemetry's conventions have it: a span for each publishing and for each processing."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace

from readmit_contracts.envelope import traceparent_of

from readmit_runtime import trace_context, tracing
from readmit_runtime.messages import IncomingRecord, OutgoingRecord
from readmit_runtime.producer import Outcome, Position, Producer, positions
from readmit_runtime.tracing import Attribute, Note

_HEADER = "traceparent"


def processing(record: IncomingRecord) -> AbstractContextManager[Note]:
    """Do the block's work under a span that follows from the record."""
    return tracing.span(
        f"process {record.topic}",
        parent=traceparent_of(record.headers),
        kind="consumer",
        attributes={
            **_messaging("process", record.topic),
            "messaging.destination.partition.id": str(record.partition),
            "messaging.kafka.offset": record.offset,
        },
    )


class TracedProducer:
    """A Producer around another one. Records without a trace, such as what is said every few seconds, begin none."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    async def publish(self, record: OutgoingRecord) -> Position:
        """Do what the other one does."""
        return positions(await self.publish_all([record]))[0]

    async def publish_all(self, records: Sequence[OutgoingRecord]) -> list[Outcome]:
        """Do what the other one does, with a span for each record, whose reader goes on from it."""
        if not tracing.exporting():
            return await self._producer.publish_all(records)
        with ExitStack() as spans:
            traced = [_traced(record, spans) for record in records]
            outcomes = await self._producer.publish_all([record for record, _ in traced])
            for (_, note), outcome in zip(traced, outcomes, strict=True):
                if isinstance(outcome, Exception):
                    note("error.type", type(outcome).__qualname__)
            return outcomes

    async def close(self) -> None:
        """Do what the other one does."""
        await self._producer.close()


def _traced(record: OutgoingRecord, spans: ExitStack) -> tuple[OutgoingRecord, Note]:
    parent = traceparent_of(record.headers)
    if parent is None:
        return record, lambda _key, _value: None
    publishing = tracing.span(
        f"publish {record.topic}", parent=parent, kind="producer", attributes=_messaging("publish", record.topic)
    )
    note = spans.enter_context(publishing)
    own = (trace_context.current() or parent).encode()
    headers = tuple((name, own if name == _HEADER else value) for name, value in record.headers)
    return replace(record, headers=headers), note


def _messaging(operation: str, topic: str) -> Mapping[str, Attribute]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": "send" if operation == "publish" else operation,
        "messaging.destination.name": topic,
    }
