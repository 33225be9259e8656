"""Read what crosses the border to readmit: commands, topics, ids; Airflow imports none of its packages.

`contract.json` is generated from `readmit_contracts`; a test there keeps both equal.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

_CONTRACT: dict[str, Any] = json.loads(Path(__file__).with_name("contract.json").read_text())

NAMESPACE = UUID(_CONTRACT["namespace"])
SCHEMA_REVISION: str = _CONTRACT["schema_revision"]
TOPICS: tuple[str, ...] = tuple(_CONTRACT["topics"])
DEFAULT_MODEL: str = _CONTRACT["default_model"]
"""The name under which a completed run's model competes."""
SPLITS: tuple[str, ...] = tuple(_CONTRACT["splits"])
SOURCE = "/readmit/airflow"


@dataclass(frozen=True)
class MessageType:
    """A kind of message: its CloudEvents type, its topic, its key and its JSON schema."""

    name: str
    ce_type: str
    topic: str
    key_template: str
    schema: dict[str, Any]

    def key(self, value: dict[str, Any]) -> str:
        """Return the key of a message with this value."""
        return self.key_template.format_map(value)


def message_type(name: str) -> MessageType:
    """Return a message's kind by its name, such as StartIngestion; raises KeyError."""
    return MessageType(name=name, **_CONTRACT["messages"][name])


def command_id(value: bytes, *place: str | int) -> str:
    """Return the id of the command with these bytes that is published at a place in Airflow.

    The same bytes at the same place are the same command. Other bytes are another: a run that was deleted and made
    again under its old name must not be answered by what the first one asked for.
    """
    return str(uuid5(NAMESPACE, json.dumps(["airflow", hashlib.sha256(value).hexdigest(), *place])))


def traceparent(command_id: str, dag_id: str, run_id: str) -> str:
    """Return the W3C trace context in which a command is sent: a trace for each DAG run, the same whenever repeated."""
    trace_id = uuid5(NAMESPACE, json.dumps(["airflow trace", dag_id, run_id]))
    return f"00-{trace_id.hex}-{UUID(command_id).hex[16:]}-01"


def completion_id(run_id: str) -> str:
    """Return the id of the IngestionCompleted of a run, under which the trainer hears of it."""
    return str(uuid5(NAMESPACE, f"event:{message_type('IngestionCompleted').ce_type}:{run_id}"))


def encode(value: dict[str, Any]) -> bytes:
    """Return a value's JSON; equal values have equal bytes, whatever order they were put together in."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
