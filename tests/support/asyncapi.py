"""Write the topics and their messages down as an AsyncAPI 3 document."""

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any

import msgspec
from readmit_contracts import envelope
from readmit_contracts.chunks import CHUNK_CONTENT_TYPE, CHUNK_HEADER_LINE, Chunk, ChunkHeaders
from readmit_contracts.registry import MESSAGES, ce_type
from readmit_contracts.topics import EVERY_TOPIC, TOPICS, Topic
from readmit_runtime.dead_letters import PREFIX
from readmit_runtime.topic_admin import DAY_MS
from support.message_examples import EXAMPLES

Object = dict[str, Any]

BINDING = "0.5.0"
DEAD_LETTER = "DeadLetter"
_ABOUT = """\
Every message that crosses a border within readmit, and the topic that carries it. Headers follow the CloudEvents 1.0
Kafka binding in binary mode. Delivery is at least once: whoever reads from outside drops repeats by `ce_id`. Partitions
are those of a production installation. An operation is named for who does it."""
_HEADERS: tuple[tuple[str, str], ...] = (
    ("ce_specversion", "The version of CloudEvents."),
    ("ce_id", "The message's id, a UUID; a command's own, by which it acts once."),
    ("ce_type", "The message's type."),
    ("ce_source", "Who wrote it."),
    ("content-type", "What the value is."),
    ("ce_subject", "What it is about."),
    ("ce_time", "When it was written, by the sender's clock, in RFC 3339; a command has none."),
    ("traceparent", "The trace that it belongs to, by W3C Trace Context."),
)
_REQUIRED_HEADERS = 5
_PARKED = {
    "reason": "The reason code.",
    "detail": "What was wrong, for people; never a row's value.",
    "consumer": "Who set it aside.",
    "topic": "The topic where it stood.",
    "partition": "The partition where it stood.",
    "offset": "The offset where it stood.",
}


def document() -> Object:
    """Return the whole document, ready to be encoded as JSON."""
    _, schemas = msgspec.json.schema_components(MESSAGES, ref_template="#/components/schemas/{name}")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "readmit",
            "version": version("readmit-contracts"),
            "description": _ABOUT.replace("\n", " "),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": envelope.JSON_CONTENT_TYPE,
        "servers": {
            "local": {
                "host": "127.0.0.1:19092",
                "protocol": "kafka",
                "description": "The local stack on its usual port; `readmit status` says which one it has.",
            }
        },
        "channels": {topic.name: _channel(topic) for topic in EVERY_TOPIC},
        "operations": dict(_operations()),
        "components": {
            "messages": {
                **{kind.__name__: _message(kind, EXAMPLES) for kind in MESSAGES},
                Chunk.__name__: _chunk(),
                DEAD_LETTER: _dead_letter(),
            },
            "schemas": {"CloudEventsHeaders": _headers(), **schemas},
        },
    }


def _channel(topic: Topic) -> Object:
    names = [kind.__name__ for kind in topic.messages] if topic in TOPICS else [DEAD_LETTER]
    configuration: Object = {"cleanup.policy": [topic.cleanup]}
    if topic.retention_days is not None:
        configuration["retention.ms"] = topic.retention_days * DAY_MS
    return {
        "address": topic.name,
        "description": f"{topic.description} Keyed by {topic.key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "kafka": {
                "partitions": topic.partitions_production,
                "topicConfiguration": configuration,
                "bindingVersion": BINDING,
            }
        },
    }


def _operations() -> Iterator[tuple[str, Object]]:
    for topic in EVERY_TOPIC:
        channel = {"$ref": f"#/channels/{topic.name}"}
        for action, principals in (("send", topic.writers), ("receive", topic.readers)):
            for principal in principals:
                yield f"{principal}.{action}.{topic.name}", {"action": action, "channel": channel}


def _message(kind: type[msgspec.Struct], examples: Iterable[msgspec.Struct]) -> Object:
    name = ce_type(kind)
    return {
        "name": name,
        "title": kind.__name__,
        "summary": (kind.__doc__ or "").partition("\n")[0],
        "contentType": envelope.JSON_CONTENT_TYPE,
        "headers": _headers_of(name, envelope.JSON_CONTENT_TYPE),
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": BINDING}},
        "examples": [{"payload": msgspec.to_builtins(found)} for found in examples if type(found) is kind],
    }


def _chunk() -> Object:
    own = {f"readmit_{name}": {"type": "string"} for name in ChunkHeaders.__struct_fields__}
    return {
        "name": ce_type(Chunk),
        "title": Chunk.__name__,
        "summary": "Up to 500 rows of one batch: a header line, then lines of the source file behind their numbers.",
        "contentType": CHUNK_CONTENT_TYPE,
        "headers": _headers_of(ce_type(Chunk), CHUNK_CONTENT_TYPE, own),
        "payload": {"type": "string", "description": f"CSV; the columns are {CHUNK_HEADER_LINE.decode().strip()}."},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": BINDING}},
    }


def _dead_letter() -> Object:
    own = {PREFIX + name: {"type": "string", "description": text} for name, text in _PARKED.items()}
    return {
        "name": DEAD_LETTER,
        "title": DEAD_LETTER,
        "summary": "A message that its reader set aside: its bytes and headers, with further headers that say why.",
        "contentType": "application/octet-stream",
        "headers": {"type": "object", "properties": own, "required": list(own)},
        "payload": {"type": "string", "description": "The original value, whatever it is."},
    }


def _headers() -> Object:
    properties = {name: {"type": "string", "description": text} for name, text in _HEADERS}
    return {"type": "object", "properties": properties, "required": list(properties)[:_REQUIRED_HEADERS]}


def _headers_of(name: str, content_type: str, own: Object | None = None) -> Object:
    fixed = {
        "ce_specversion": {"const": envelope.SPEC_VERSION},
        "ce_type": {"const": name},
        "content-type": {"const": content_type},
    }
    further = own or {}
    special: Object = {"type": "object", "properties": {**fixed, **further}}
    if further:
        special["required"] = list(further)
    return {"allOf": [{"$ref": "#/components/schemas/CloudEventsHeaders"}, special]}
