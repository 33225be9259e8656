"""Put together the values of commands from what people fill into a DAG's form."""

from dataclasses import dataclass
from typing import Any

from readmit_airflow.contract import SPLITS

NONE = "none"
_NEXT = "next:"

SELECTION = rf"^({NONE}|all|{_NEXT}[1-9][0-9]{{0,3}}|[0-9]{{1,5}}(,[0-9]{{1,5}}){{0,1999}})(?!\n)$"
"""The form of a selection of batches: none, all, next:2, or a list such as 0,1."""


@dataclass(frozen=True)
class Command:
    """A command to be published: its name and its value."""

    name: str
    value: dict[str, Any]


def start_ingestion(*, train: str, validation: str, test: str, then: str) -> Command:
    """Return the command for a run over these batches; raises ValueError when all three selections say none."""
    wanted = zip(SPLITS, (train, validation, test), strict=True)
    batches = {split: _selection(text) for split, text in wanted if text != NONE}
    if not batches:
        raise ValueError("No split has a batch to ingest: give at least one of train, validation and test.")
    return Command("StartIngestion", {"batches": batches, "then": then})


def reset_store(*, reason: str, actor: str) -> Command:
    """Return the command that empties the store."""
    return Command("ResetStore", {"reason": reason, "actor": actor})


def rebuild_clean(*, reason: str, actor: str) -> Command:
    """Return the command that derives the clean tables from the raw ones again."""
    return Command("RebuildClean", {"reason": reason, "actor": actor})


def train_model(*, model: str, then: str, force: bool) -> Command:
    """Return the command for a training job on every clean batch."""
    return Command("TrainModel", {"model": model, "then": then, "force": force})


def promote_model(*, model: str, model_id: str, expected_epoch: int | None, reason: str, actor: str) -> Command:
    """Return the command that puts a model before the gate."""
    return Command(
        "PromoteModel",
        {
            "model": model,
            "model_id": model_id,
            "expected_epoch": _whole(expected_epoch),
            "reason": reason,
            "actor": actor,
        },
    )


def rollback_model(*, model: str, to_epoch: int | None, expected_epoch: int | None, reason: str, actor: str) -> Command:
    """Return the command that makes an earlier champion the champion again."""
    return Command(
        "RollbackModel",
        {
            "model": model,
            "to_epoch": _whole(to_epoch),
            "expected_epoch": _whole(expected_epoch),
            "reason": reason,
            "actor": actor,
        },
    )


def _selection(text: str) -> str | list[int] | dict[str, int]:
    if text == "all":
        return text
    if text.startswith(_NEXT):
        return {"next": int(text.removeprefix(_NEXT))}
    return sorted({int(number) for number in text.split(",")})


def _whole(number: float | None) -> int | None:
    """Return the number without a fraction of zero, which forms and JSON schemas take for whole."""
    return None if number is None else int(number)
