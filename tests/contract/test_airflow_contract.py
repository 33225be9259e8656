"""Airflow imports no package of the project: what it needs of the contracts is generated for it, and kept equal."""

import importlib.util
import json
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from uuid import UUID

import msgspec
import pytest
from readmit_contracts import commands as contracts
from readmit_contracts import envelope, ids
from readmit_contracts.events import IngestionCompleted
from readmit_contracts.fields import DEFAULT_MODEL, Message
from readmit_contracts.registry import ce_type
from readmit_contracts.source import SPLITS
from readmit_contracts.topics import TOPICS, dead_letter
from readmit_runtime.trace_context import trace_id_of
from support.generated_text import ROOT, GeneratedText

PLUGIN = ROOT / "airflow" / "plugins" / "readmit_airflow"
RUN = UUID("3a0c1e52-9a53-4a52-8a4c-5d1f2d1f8c11")
MODEL_ID = "ab" * 32


def messages() -> dict[str, Any]:
    """Return what Airflow publishes or listens for, by name."""
    found = [(topic, message) for topic in TOPICS if "airflow" in topic.writers for message in topic.messages]
    found += [(topic, IngestionCompleted) for topic in TOPICS if IngestionCompleted in topic.messages]
    return {message.__name__: _described(topic.name, message) for topic, message in found}


def _described(topic: str, message: type[msgspec.Struct]) -> dict[str, Any]:
    (schema,), definitions = msgspec.json.schema_components([message], ref_template="#/$defs/{name}")
    key: str = message.key_template  # type: ignore[attr-defined] # every message has one
    return {
        "ce_type": ce_type(message),
        "topic": topic,
        "key_template": key.replace("{0.", "{"),
        "schema": {**schema, "$defs": definitions},
    }


def test_what_airflow_knows_of_the_contracts_is_generated_from_them(generated: GeneratedText):
    """A second copy kept by hand would differ one day."""
    revisions = sorted(path.stem.partition("_")[0] for path in (ROOT / "migrations" / "versions").glob("[0-9]*.py"))
    contract = {
        "namespace": str(ids.NAMESPACE),
        "schema_revision": revisions[-1],
        "default_model": DEFAULT_MODEL,
        "splits": list(SPLITS),
        "topics": sorted(one.name for topic in TOPICS for one in (topic, dead_letter(topic))),
        "messages": messages(),
    }
    generated.file(PLUGIN / "contract.json", json.dumps(contract, indent=1) + "\n")


@pytest.fixture(scope="module")
def plugin() -> Iterator[ModuleType]:
    """Give the modules of the plugin that need no Airflow, imported as Airflow does, by their folder."""
    sys.path.insert(0, str(PLUGIN.parent))
    try:
        for name in ("contract", "commands"):
            importlib.import_module(f"{PLUGIN.name}.{name}")
        yield sys.modules[PLUGIN.name]
    finally:
        sys.path.remove(str(PLUGIN.parent))


COMMANDS = {
    "all": ("start_ingestion", {"train": "all", "validation": "all", "test": "none", "then": "nothing"}),
    "next": ("start_ingestion", {"train": "next:2", "validation": "none", "test": "3,1,1", "then": "train"}),
    "reset": ("reset_store", {"reason": "for a test", "actor": "somebody"}),
    "rebuild": ("rebuild_clean", {"reason": "for a test", "actor": "somebody"}),
    "train": ("train_model", {"model": "readmission", "then": "train", "force": True}),
    "promote": (
        "promote_model",
        {"model": "readmission", "model_id": MODEL_ID, "expected_epoch": None, "reason": "why", "actor": "somebody"},
    ),
    "rollback": (
        "rollback_model",
        {"model": "readmission", "to_epoch": 2, "expected_epoch": 3, "reason": "why", "actor": "somebody"},
    ),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_a_command_made_in_airflow_is_read_by_the_services(plugin: ModuleType, case: str):
    """Both sides of the border agree on names, bounds and keys."""
    maker, arguments = COMMANDS[case]
    command = getattr(plugin.commands, maker)(**arguments)
    kind = plugin.contract.message_type(command.name)
    read: Message = envelope.decode(kind.ce_type, plugin.contract.encode(command.value))
    assert type(read).__name__ == command.name
    assert kind.key(command.value) == read.key()


def test_a_selection_in_a_form_is_what_the_command_line_makes_of_it(plugin: ModuleType):
    """People write batches in one way."""
    command = plugin.commands.start_ingestion(train="next:2", validation="3,1,1", test="all", then="nothing")
    read = envelope.decode(ce_type(contracts.StartIngestion), plugin.contract.encode(command.value))
    assert isinstance(read, contracts.StartIngestion)
    assert read.batches == {"train": contracts.NextBatches(next=2), "validation": (1, 3), "test": "all"}


def test_airflow_finds_the_event_by_which_the_trainer_hears_of_a_run(plugin: ModuleType):
    """The pipeline waits for the job that this very event asked for."""
    assert plugin.contract.completion_id(str(RUN)) == str(ids.event_id(ce_type(IngestionCompleted), RUN))


def test_what_one_dag_run_publishes_is_one_trace_that_the_services_read(plugin: ModuleType):
    """An ingestion and the training after it are two commands, and one thing to whoever looks at the trace."""
    ids_ = [plugin.contract.command_id(b"{}", task) for task in ("ingest", "train")]
    first, second = (plugin.contract.traceparent(id_, "pipeline", "manual__1") for id_ in ids_)
    assert first == plugin.contract.traceparent(ids_[0], "pipeline", "manual__1")
    assert first != second
    assert trace_id_of(first) == trace_id_of(second)
    assert trace_id_of(first) != trace_id_of(plugin.contract.traceparent(ids_[0], "pipeline", "manual__2"))
    for sent in (first, second):
        assert envelope.traceparent_of([("traceparent", sent.encode())]) == sent


def test_equal_commands_have_equal_bytes_in_whatever_order_they_were_written(plugin: ModuleType):
    """A retry with other bytes would be a conflict."""
    assert plugin.contract.encode({"a": 1, "b": {"c": 2, "d": 3}}) == plugin.contract.encode(
        {"b": {"d": 3, "c": 2}, "a": 1}
    )
