"""Wrap messages as the CloudEvents 1.0 Kafka binding does in binary mode: attributes in headers, data in the value."""

import re
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from readmit_contracts.fields import Message
from readmit_contracts.reasons import Reason
from readmit_contracts.registry import TYPES, ce_type

SPEC_VERSION = "1.0"
JSON_CONTENT_TYPE = "application/json"
ATTRIBUTE_MAX_BYTES = 512

_TYPE = re.compile(r"readmit\.[A-Za-z0-9]{1,64}\.v[1-9][0-9]{0,2}")
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_PATH = re.compile(r" - at `(?:key in )?`?(\$[A-Za-z0-9_.\[\]]*)")
_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODERS = {name: msgspec.json.Decoder(message) for name, message in TYPES.items()}


class MessageInvalid(Exception):
    """A message cannot be read: `reason` is the code; the text names the place and never a value."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class EnvelopeInvalid(MessageInvalid):
    """A CloudEvents header is absent, repeated or unreadable."""


class UnknownType(MessageInvalid):
    """No message of this type is registered here."""


class Undecodable(MessageInvalid):
    """The value is not a message of its type."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The CloudEvents attributes of one message. A command's id is its own; its time, if any, informs only."""

    id: UUID
    type: str
    source: str
    subject: str | None = None
    time: datetime | None = None
    traceparent: str | None = None
    content_type: str = JSON_CONTENT_TYPE


def to_headers(envelope: Envelope) -> tuple[tuple[str, bytes], ...]:
    """Return the message headers, in a fixed order; absent attributes have none."""
    attributes = (
        ("ce_specversion", SPEC_VERSION),
        ("ce_id", str(envelope.id)),
        ("ce_type", envelope.type),
        ("ce_source", envelope.source),
        ("ce_subject", envelope.subject),
        ("ce_time", envelope.time.isoformat() if envelope.time else None),
        ("content-type", envelope.content_type),
        ("traceparent", envelope.traceparent),
    )
    return tuple((name, value.encode()) for name, value in attributes if value is not None)


def from_headers(headers: Sequence[tuple[str, bytes | None]]) -> Envelope:
    """Read the attributes from among a message's headers; raises EnvelopeInvalid.

    Other headers are left alone.
    """
    if _text(headers, "ce_specversion") != SPEC_VERSION:
        raise _invalid("ce_specversion", f"is not {SPEC_VERSION}")
    type_name = _text(headers, "ce_type")
    if not _TYPE.fullmatch(type_name):
        raise _invalid("ce_type", "is not readmit.<Name>.v<number>")
    return Envelope(
        id=_uuid(_text(headers, "ce_id")),
        type=type_name,
        source=_text(headers, "ce_source"),
        subject=_optional(headers, "ce_subject"),
        time=_time(_optional(headers, "ce_time")),
        traceparent=traceparent_of(headers),
        content_type=_text(headers, "content-type"),
    )


def traceparent_of(headers: Sequence[tuple[str, bytes | None]]) -> str | None:
    """Return the W3C trace context among headers.

    One that is repeated, or not as the W3C says, counts as none, so that a tracer's fault stops no message.
    """
    found = [value or b"" for name, value in headers if name == "traceparent"]
    return found[0].decode() if len(found) == 1 and _TRACEPARENT.fullmatch(found[0]) else None


def _invalid(name: str, what: str) -> EnvelopeInvalid:
    return EnvelopeInvalid(Reason.DECODE, f"The header {name} {what}; publish the message with the project's envelope.")


def _optional(headers: Sequence[tuple[str, bytes | None]], name: str) -> str | None:
    found = [value for header, value in headers if header == name]
    if not found:
        return None
    value = found[0]
    if len(found) > 1:
        raise _invalid(name, "is repeated")
    if not value or len(value) > ATTRIBUTE_MAX_BYTES:
        raise _invalid(name, f"is empty or longer than {ATTRIBUTE_MAX_BYTES} bytes")
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise _invalid(name, "is not UTF-8") from None
    if not text.isprintable():
        raise _invalid(name, "holds a control character")
    return text


def _text(headers: Sequence[tuple[str, bytes | None]], name: str) -> str:
    text = _optional(headers, name)
    if text is None:
        raise _invalid(name, "is absent")
    return text


def _uuid(text: str) -> UUID:
    try:
        return msgspec.convert(text, UUID)
    except msgspec.ValidationError:
        raise _invalid("ce_id", "is not a UUID") from None


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _invalid("ce_time", "is not an RFC 3339 time with its offset")
    return moment


def encode(message: Message) -> bytes:
    """Return the message's JSON: fields in the order declared, maps sorted, so equal messages have equal bytes.

    Raises ValueError for a message that is not registered, or breaks bounds for which a reader would refuse it.
    """
    name = type(message).__name__
    decoder = _DECODERS.get(ce_type(type(message)))
    if decoder is None:
        raise ValueError(f"{name} is not a registered message; add it to registry.MESSAGES.")
    value = _ENCODER.encode(message)
    try:
        decoder.decode(value)
    except msgspec.ValidationError as error:
        raise ValueError(f"The {name} to be sent is not within its bounds{_place(error)}.") from None
    return value


def decode(type_name: str, value: bytes | None) -> Message:
    """Read a JSON message of a registered type; raises UnknownType or Undecodable.

    Fields that the type does not have are ignored, so that a newer writer may add some.
    """
    decoder = _DECODERS.get(type_name)
    if decoder is None:
        raise UnknownType(Reason.UNKNOWN_TYPE, "The message's type is not known here; look for a newer version.")
    if not value:
        raise Undecodable(Reason.EMPTY, f"The {type_name} has no value.")
    try:
        return decoder.decode(value)
    except msgspec.ValidationError as error:
        raise Undecodable(Reason.DECODE, f"The {type_name} is not as its type says{_place(error)}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Undecodable(Reason.DECODE, f"The {type_name} is not JSON in UTF-8.") from None


def _place(error: msgspec.ValidationError) -> str:
    found = _PATH.search(str(error))
    return f" at {found.group(1)}" if found else ""
