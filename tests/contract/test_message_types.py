import re
from collections.abc import Iterator

import msgspec
import pytest
from msgspec import inspect
from readmit_contracts import commands
from readmit_contracts.fields import Message
from readmit_contracts.registry import MESSAGES, TYPES, ce_type
from support.message_examples import DATASET_ID, EXAMPLES, JOB_ID, RUN_ID, SEGMENT

by_type = pytest.mark.parametrize("message_type", MESSAGES, ids=lambda message_type: message_type.__name__)

KEYS = {
    "StartIngestion": "store",
    "CancelIngestion": "store",
    "ResumeIngestion": "store",
    "ResetStore": "store",
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
}


def structs(kind: inspect.Type) -> Iterator[inspect.StructType]:
    """Give every struct within a type, itself included."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    parts: tuple[inspect.Type, ...] = ()
    if isinstance(kind, inspect.StructType):
        yield kind
        parts = tuple(field.type for field in kind.fields)
    elif isinstance(kind, inspect.UnionType):
        parts = kind.types
    elif isinstance(kind, inspect.DictType):
        parts = (kind.key_type, kind.value_type)
    elif isinstance(kind, inspect.VarTupleType):
        parts = (kind.item_type,)
    for part in parts:
        yield from structs(part)


def unbounded(kind: inspect.Type, path: str) -> Iterator[str]:
    """Give the places within a type whose size or range has no end."""
    match kind:
        case inspect.Metadata():
            yield from unbounded(kind.type, path)
        case inspect.StructType():
            for field in kind.fields:
                yield from unbounded(field.type, f"{path}.{field.name}")
        case inspect.UnionType():
            for part in kind.types:
                yield from unbounded(part, path)
        case inspect.DictType():
            yield from unbounded(kind.key_type, f"{path} (key)")
            yield from unbounded(kind.value_type, f"{path} (value)")
            if kind.max_length is None and not isinstance(kind.key_type, inspect.LiteralType):
                yield path
        case inspect.VarTupleType():
            yield from unbounded(kind.item_type, f"{path}[]")
            if kind.max_length is None:
                yield path
        case inspect.IntType() | inspect.FloatType():
            if kind.ge is None or kind.le is None:
                yield path
        case inspect.StrType():
            if kind.max_length is None and not re.search(r"\{\d*,?\d+\}", kind.pattern or ""):
                yield path
        case inspect.ListType() | inspect.BytesType() | inspect.AnyType():
            yield path


def test_types_are_registered_under_unique_names() -> None:
    """Two of one name would decode as each other."""
    assert len(TYPES) == len(MESSAGES) == 25
    assert all(re.fullmatch(r"readmit\.[A-Z][A-Za-z]+\.v1", name) for name in TYPES)
    assert all(TYPES[ce_type(message_type)] is message_type for message_type in MESSAGES)


@by_type
def test_a_message_is_frozen_and_every_field_is_described(message_type: type[Message]) -> None:
    """The description is what an operator reads in the generated documents."""
    for struct in structs(inspect.type_info(message_type)):
        assert struct.cls.__struct_config__.frozen
        assert struct.cls.__doc__
        schema = msgspec.json.schema_components([struct.cls])[1][struct.cls.__name__]
        missing = [name for name, field in schema["properties"].items() if "description" not in str(field)]
        assert missing == []


@by_type
def test_no_field_of_a_message_can_grow_without_end(message_type: type[Message]) -> None:
    """A message over the broker's limit would stop the outbox of its writer."""
    assert list(unbounded(inspect.type_info(message_type), message_type.__name__)) == []


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
