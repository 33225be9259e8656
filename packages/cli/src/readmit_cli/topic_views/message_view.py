"""Turn a Kafka record into what an operator may read: who, when, what, and no row's value unless asked for."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from readmit_contracts import chunks, envelope
from readmit_contracts.events import PredictionsMade
from readmit_contracts.registry import CHUNK_TYPE, TYPES, ce_type
from readmit_runtime.dead_letters import PREFIX as PARKED_PREFIX
from readmit_runtime.messages import IncomingRecord

_PREDICTIONS = ce_type(PredictionsMade)
_ROW_NUMBER = "readmit_row_no"


class MessageView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message as it is shown; what the message does not have is None.

    `body` is a message's JSON, `chunk` a chunk's headers, `parked` why and where a dead letter was set aside, `value`
    the bytes as text where they were asked for, `sent` the sender's own time (`ce_time`); `note` says what can't be
    shown, or is wrong.
    """

    topic: str
    partition: int
    offset: int
    time: datetime
    key: str | None = None
    type: str | None = None
    id: UUID | None = None
    source: str | None = None
    subject: str | None = None
    sent: datetime | None = None
    traceparent: str | None = None
    body: Any = None
    chunk: dict[str, Any] | None = None
    parked: dict[str, str] | None = None
    note: str | None = None
    value: str | None = None


def view(record: IncomingRecord, *, values: bool) -> MessageView:
    """Return what may be shown of a record.

    `values` adds what may be a patient's: the bytes of a chunk or of what can't be read, the inputs of predictions.
    """
    attributes, note = _attributes(record)
    body, chunk = None, None
    if attributes is not None and attributes.type == CHUNK_TYPE:
        chunk, note = _chunk(record)
    elif attributes is not None and attributes.type in TYPES:
        body, note = _body(attributes.type, record.value)
        if attributes.type == _PREDICTIONS and not values:
            body = _without_inputs(body)
    elif attributes is not None:
        note = f"the type is not known here; {_size(record.value)}"
    return MessageView(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        time=datetime.fromtimestamp(record.timestamp_ms / 1000, UTC),
        key=None if record.key is None else printable(record.key),
        type=attributes.type if attributes else None,
        id=attributes.id if attributes else None,
        source=attributes.source if attributes else None,
        subject=attributes.subject if attributes else None,
        sent=attributes.time if attributes else None,
        traceparent=attributes.traceparent if attributes else None,
        body=body,
        chunk=chunk,
        parked=_parked(record.headers) or None,
        note=note,
        value=printable(record.value) if values and body is None and record.value is not None else None,
    )


def printable(data: bytes) -> str:
    """Return bytes as text that leaves a terminal alone: line ends stay, other control characters are written out."""
    text = data.decode(errors="backslashreplace")
    return "".join(mark if mark.isprintable() or mark == "\n" else f"\\x{ord(mark):02x}" for mark in text)


def _attributes(record: IncomingRecord) -> tuple[envelope.Envelope | None, str | None]:
    try:
        return envelope.from_headers(record.headers), None
    except envelope.EnvelopeInvalid as error:
        return None, f"{error.detail} {_size(record.value)}"


def _body(type_name: str, value: bytes | None) -> tuple[Any, str | None]:
    try:
        envelope.decode(type_name, value)
    except envelope.MessageInvalid as error:
        return None, f"{error.detail} {_size(value)}"
    # the JSON itself, so that fields of a newer writer show too
    return msgspec.json.decode(value or b""), None


def _without_inputs(body: Any) -> Any:
    if body is None:
        return None
    # what was scored is a patient's row
    records = [
        {**made, "input_json": f"({len(made['input_json'])} characters)"} if made.get("input_json") else made
        for made in body["records"]
    ]
    return {**body, "records": records}


def _chunk(record: IncomingRecord) -> tuple[dict[str, Any] | None, str | None]:
    try:
        headers = chunks.read_headers(record.headers)
    except chunks.ChunkHeaderInvalid as error:
        return None, f"{error} {_size(record.value)}"
    fields = msgspec.to_builtins(headers)
    row_no = next((value for name, value in record.headers if name == _ROW_NUMBER), None)
    if row_no is not None:
        fields["row_no"] = printable(row_no)
    return {**fields, "bytes": len(record.value or b"")}, None


def _parked(headers: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    return {
        name.removeprefix(PARKED_PREFIX): printable(value) for name, value in headers if name.startswith(PARKED_PREFIX)
    }


def _size(value: bytes | None) -> str:
    return f"({len(value)} bytes)" if value else "(no value)"
