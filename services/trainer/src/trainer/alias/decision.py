"""Decide what is to be done about MLflow's alias. Postgres decides who the champion is; the alias follows.

There is one way in which a person speaks through it: moving it to another version. A version that this side neither
wrote nor is about to write was set by a person, and becomes a command. What the command comes to is what the alias
shows in the end.
"""

from uuid import UUID, uuid5

import msgspec
from readmit_contracts.commands import PromoteModel, RollbackModel
from readmit_contracts.ids import NAMESPACE
from readmit_runtime.inbox import CommandOutcome

ACTOR = "mlflow"


class Champion(msgspec.Struct, frozen=True, kw_only=True):
    """The champion; without a version until MLflow shows it."""

    epoch: int
    model_id: str
    version: str | None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A version that a person set, and the command that it became; without an outcome until it was taken."""

    version: str
    command_id: UUID
    outcome: CommandOutcome | None
    detail: str | None


class AliasView(msgspec.Struct, frozen=True, kw_only=True):
    """All that the decision rests on, for one model name."""

    model: str
    current: str | None
    current_model_id: str | None
    """The model that the current version is tagged with, if it is known here."""
    current_epoch: int | None
    """The last epoch under which that model was champion."""
    champion: Champion | None
    written: str | None
    pending: str | None
    asked: Asked | None
    changed: str = ""
    """When this side last did something about the alias: tells a move that is made again from the one before."""


class Leave(msgspec.Struct, frozen=True):
    """Nothing is to be done, now."""


class Note(msgspec.Struct, frozen=True):
    """The alias is right; let the projection say so."""

    version: str


class Write(msgspec.Struct, frozen=True):
    """Let the alias follow the champion."""

    version: str


class PutBack(msgspec.Struct, frozen=True):
    """Undo what a person did, and say why; without a version the alias goes."""

    version: str | None
    why: str


class Ask(msgspec.Struct, frozen=True):
    """Turn what a person did into a command."""

    command_id: UUID
    command: PromoteModel | RollbackModel


Action = Leave | Note | Write | PutBack | Ask


def decide(view: AliasView) -> Action:
    """Return what to do."""
    champion = view.champion
    if champion is not None and champion.version is None:
        return Leave()  # there is nothing yet that the alias could name
    target = champion.version if champion is not None else None
    if view.current is not None and view.current == target:
        settled = view.written == target and view.pending is None and view.asked is None
        return Leave() if settled else Note(target)
    if view.current is None:
        return _absent(view, target)
    if view.current in {view.written, view.pending}:
        return Leave() if target is None else Write(target)
    if view.asked is not None and view.asked.version == view.current:
        return _answered(view.asked, target)
    return _moved(view, view.current, target)


def _absent(view: AliasView, target: str | None) -> Action:
    if target is None:
        return Leave()
    if view.written is not None and view.pending is None:
        return PutBack(target, "The alias was deleted; roll back or promote to change the champion.")
    return Write(target)


def _answered(asked: Asked, target: str | None) -> Action:
    match asked.outcome:
        case "rejected":
            return PutBack(target, asked.detail or "The command that this became was refused.")
        case "applied":
            return Leave() if target is None else Write(target)
        case _:
            return Leave()


def _moved(view: AliasView, version: str, target: str | None) -> Action:
    if view.current_model_id is None:
        return PutBack(target, "The version names no model that was trained here, so nothing can serve it.")
    champion = view.champion
    if champion is not None and champion.model_id == view.current_model_id:
        return PutBack(target, "The version is of the champion's own model, which another version shows.")
    epoch = champion.epoch if champion is not None else 0
    command_id = uuid5(NAMESPACE, f"alias:{view.model}:{version}:{epoch}:{view.changed}")
    why = f"the alias was moved to version {version}"
    if view.current_epoch is not None:
        return Ask(
            command_id,
            RollbackModel(
                model=view.model, to_epoch=view.current_epoch, expected_epoch=epoch or None, reason=why, actor=ACTOR
            ),
        )
    return Ask(
        command_id,
        PromoteModel(
            model=view.model,
            model_id=view.current_model_id,
            expected_epoch=epoch or None,
            reason=why,
            actor=ACTOR,
        ),
    )
