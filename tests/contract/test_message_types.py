import json
import re
from collections.abc import Iterator

import msgspec
import pytest
from msgspec import inspect
from readmit_contracts import commands
from readmit_contracts.envelope import Undecodable, decode, encode
from readmit_contracts.events import IngestionCompleted
from readmit_contracts.fields import MAX_BATCHES, Message
from readmit_contracts.registry import MESSAGES, TYPES, ce_type
from support.message_examples import DATASET_ID, EXAMPLES, JOB_ID, RUN_ID, SEGMENT, batch

by_type = pytest.mark.parametrize("message_type", MESSAGES, ids=lambda message_type: message_type.__name__)

KEYS = {
    "StartIngestion": "store",
    "CancelIngestion": "store",
    "ResumeIngestion": "store",
    "ResetStore": "store",
    "RebuildClean": "store",
    "StoreReset": "store",
    "TrainModel": "readmission",
    "CancelTraining": "readmission",
    "PromoteModel": "readmission",
    "RollbackModel": "readmission",
    "ModelPromoted": "readmission",
    "IngestionPlanned": f"{RUN_ID}",
    "IngestionCompleted": f"{RUN_ID}",
    "IngestionFailed": f"{RUN_ID}",
    "IngestionCancelled": f"{RUN_ID}",
    "BatchStored": f"{DATASET_ID}:train:0",
    "BatchCleaned": f"{DATASET_ID}:train:0",
    "BatchFailed": f"{DATASET_ID}:train:0",
    "TrainingStarted": f"{JOB_ID}",
    "ModelTrained": f"{JOB_ID}",
    "ModelEvaluated": f"{JOB_ID}",
    "TrainingFailed": f"{JOB_ID}",
    "ReplicaReported": "predictor-0",
    "ModelLoaded": "predictor-0",
    "ModelLoadFailed": "predictor-0",
    "PredictionsMade": f"predictor-0:{SEGMENT}:0",
    "AccessKey": "0123456789abcdef",
}


def within(kind: inspect.Type) -> Iterator[inspect.Type]:
    """Give a type and every type within it."""
    yield kind
    parts: tuple[inspect.Type, ...] = ()
    if isinstance(kind, inspect.Metadata):
        parts = (kind.type,)
    elif isinstance(kind, inspect.StructType):
        parts = tuple(field.type for field in kind.fields)
    elif isinstance(kind, inspect.UnionType):
        parts = kind.types
    elif isinstance(kind, inspect.DictType):
        parts = (kind.key_type, kind.value_type)
    elif isinstance(kind, inspect.VarTupleType):
        parts = (kind.item_type,)
    for part in parts:
        yield from within(part)


def bounded(kind: inspect.Type) -> bool:
    """Tell whether the size or range of a type, apart from the types within it, has an end."""
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return kind.ge is not None and kind.le is not None
    if isinstance(kind, inspect.StrType):
        return kind.max_length is not None or re.search(r"\{(\d+,)?\d+\}", kind.pattern or "") is not None
    if isinstance(kind, inspect.VarTupleType | inspect.DictType):
        return kind.max_length is not None
    return not isinstance(kind, inspect.ListType | inspect.BytesType | inspect.AnyType)


def test_types_are_registered_under_unique_names() -> None:
    """Two of one name would decode as each other."""
    assert len(TYPES) == len(MESSAGES) == 27
    assert all(re.fullmatch(r"readmit\.[A-Z][A-Za-z]+\.v1", name) for name in TYPES)
    assert all(TYPES[ce_type(message_type)] is message_type for message_type in MESSAGES)


@by_type
def test_a_message_is_frozen_and_every_field_is_described(message_type: type[Message]) -> None:
    """The description is what an operator reads in the generated documents."""
    for cls in {kind.cls for kind in within(inspect.type_info(message_type)) if isinstance(kind, inspect.StructType)}:
        assert cls.__struct_config__.frozen
        assert cls.__doc__
        schema = msgspec.json.schema_components([cls])[1][cls.__name__]
        missing = [name for name, field in schema["properties"].items() if "description" not in str(field)]
        assert missing == []


@by_type
def test_no_field_of_a_message_can_grow_without_end(message_type: type[Message]) -> None:
    """A message over the broker's limit would stop the outbox of its writer."""
    assert [kind for kind in within(inspect.type_info(message_type)) if not bounded(kind)] == []


def test_a_command_carries_neither_time_nor_id_of_its_own() -> None:
    """A repeated command must have the same bytes; its id is a header."""
    names = [
        field.encode_name
        for message_type in MESSAGES
        if message_type.__module__ == commands.__name__
        for field in msgspec.structs.fields(message_type)
    ]
    assert {"command_id", "id", "at", "time"}.isdisjoint(names)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_a_message_is_published_under_its_documented_key(message: Message) -> None:
    """The key decides what keeps its order."""
    assert message.key() == KEYS[type(message).__name__]


def test_a_completed_run_over_the_largest_store_fits_into_a_message() -> None:
    """Brokers and clients accept 1 MiB by default; past it the event could never leave the outbox."""
    refs = tuple(batch("validation", 99_999 - number, rows=15_000) for number in range(MAX_BATCHES))
    (completed,) = [message for message in EXAMPLES if isinstance(message, IngestionCompleted)]
    assert len(encode(msgspec.structs.replace(completed, run_batches=refs, training_set=refs))) < 1024 * 1024


@pytest.mark.parametrize("field", ["reason", "actor"])
@pytest.mark.parametrize("text", ["", "two\nlines", "an end\n", "\x00", "a\x7fb", "x" * 201])
def test_who_and_why_are_one_line(field: str, text: str) -> None:
    """They stand in records, logs and tables; a line end would forge another entry."""
    value = {"reason": "why", "actor": "somebody", field: text}
    with pytest.raises(Undecodable):
        decode("readmit.ResetStore.v1", json.dumps(value).encode())
