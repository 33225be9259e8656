"""Change the champion, or refuse to: each in one transaction with its records, its events and the command's answer."""

from collections.abc import Mapping
from typing import Any

import msgspec
from readmit_contracts.events import ReplacedModel
from readmit_contracts.reasons import Reason
from readmit_runtime import outbox
from readmit_runtime.database import Connection, Pool, transient_errors
from readmit_runtime.inbox import CommandOutcome

from trainer import announcements
from trainer.announcements import SCHEMA, Event
from trainer.asking import store as asking
from trainer.decision import Decision
from trainer.promotion import store
from trainer.promotion.store import Candidate, Wish


class LostRace(Exception):
    """The champion is no longer the one that was judged against; judge again."""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a wish."""

    outcome: str
    """promoted, rolled_back, already, refused or failed; `gone` when another process ended it."""
    epoch: int | None = None
    detail: str = ""
    refusals: tuple[str, ...] | None = None
    """The rules that the gate's decision, which is on record, says were not met; None where it was not asked."""


GONE = Ended(outcome="gone")


class ChampionChanges:
    """The only place that changes the champion. Every call may raise Transient."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def refuse(
        self, wish: Wish, *, reason: str, detail: str, state: str = "refused", outcome: CommandOutcome = "rejected"
    ) -> Ended:
        """End the wish without a change."""
        with transient_errors():
            async with self._pool.acquire() as connection, connection.transaction():
                if not await store.lock_wish(connection, wish):
                    return GONE
                await _end(connection, wish, state=state, outcome=outcome, reason=reason, detail=detail)
        return Ended(outcome=state if state == "failed" else "refused", detail=detail)

    async def already(self, wish: Wish, seen: ReplacedModel) -> Ended:
        """End the wish: what it wants is so."""
        with transient_errors():
            async with self._pool.acquire() as connection, connection.transaction():
                if not await store.lock_wish(connection, wish):
                    return GONE
                return await _already(connection, wish, seen)

    async def decide(
        self, wish: Wish, *, model_id: str, seen: ReplacedModel | None, decision: Decision, tail: ReplacedModel | None
    ) -> Ended:
        """Record the gate's decision and, when it lets the model through, make it the champion.

        Raises LostRace, with nothing written, when the champion is not `seen` any more. `tail` is the highest epoch
        that the topic of promotions held: epochs go on above it.
        """
        with transient_errors():
            async with self._pool.acquire() as connection, connection.transaction():
                if not await store.lock_wish(connection, wish):
                    return GONE
                if await store.champion(connection, wish.model, lock=True) != seen:
                    raise LostRace
                found = await store.candidate(connection, model_id)
                unable = await store.unable_replicas(connection, wish.model, found.feature_version)
                refusals = (*decision.refusals, *([str(Reason.FEATURE_VERSION)] if unable else []))
                evidence = {**msgspec.to_builtins(decision), "unable_replicas": unable}
                decision_id = await store.add_decision(
                    connection, wish, model_id=model_id, seen=seen, refusals=refusals, evidence=evidence
                )
                events = [_evaluated(wish, decision_id, model_id, seen, decision.metrics, refusals)]
                if refusals:
                    ended = await _refused(connection, wish, refusals)
                else:
                    ended, promoted = await _promote(connection, wish, found, seen, tail, decision_id)
                    events.append(promoted)
                await outbox.add(connection, SCHEMA, events)
        return msgspec.structs.replace(ended, refusals=refusals)

    async def roll_back(self, wish: Wish, *, tail: ReplacedModel | None) -> Ended:
        """Make an earlier champion the champion again, without the gate; raises LostRace."""
        with transient_errors():
            async with self._pool.acquire() as connection, connection.transaction():
                if not await store.lock_wish(connection, wish):
                    return GONE
                seen = await store.champion(connection, wish.model, lock=True)
                if seen is None:
                    detail = "There is no champion of this name yet; promote a model first."
                    return await _reject(connection, wish, Reason.UNKNOWN_MODEL, detail)
                refusal = stale(wish, seen)
                if refusal is not None:
                    return await _reject(connection, wish, *refusal)
                before = seen.epoch + 1 if wish.to_epoch is not None else seen.epoch
                target = await store.promotion_of(connection, wish.model, epoch=wish.to_epoch, before=before)
                if target is None:
                    detail = "There is no such earlier epoch; list the history of promotions."
                    return await _reject(connection, wish, Reason.UNKNOWN_MODEL, detail)
                if target["model_id"] == seen.model_id:
                    return await _already(connection, wish, seen)
                found = await store.candidate(connection, target["model_id"])
                unable = await store.unable_replicas(connection, wish.model, found.feature_version)
                if unable:
                    detail = f"{len(unable)} living replicas can't read feature version {found.feature_version}."
                    return await _reject(connection, wish, Reason.FEATURE_VERSION, detail)
                ended, promoted = await _promote(connection, wish, found, seen, tail, None)
                await outbox.add(connection, SCHEMA, [promoted])
        return ended


def stale(wish: Wish, seen: ReplacedModel | None) -> tuple[Reason, str] | None:
    """Return the refusal of a wish that expects another epoch than the champion's; None when it does not."""
    if wish.expected_epoch is None or wish.expected_epoch == (seen.epoch if seen else None):
        return None
    now = f"it is {seen.epoch}" if seen else "there is no champion yet"
    return Reason.STALE_EPOCH, f"The command expects epoch {wish.expected_epoch}, but {now}; look again, then decide."


async def _promote(
    connection: Connection,
    wish: Wish,
    found: Candidate,
    seen: ReplacedModel | None,
    tail: ReplacedModel | None,
    decision_id: int | None,
) -> tuple[Ended, Event]:
    # Without a champion of its own a new database names the one that the topic knows, so that predictors go along.
    replaces = seen or tail
    epoch = max(seen.epoch if seen else 0, tail.epoch if tail else 0) + 1
    new = ReplacedModel(epoch=epoch, model_id=found.model_id)
    if not await store.swap_champion(connection, wish.model, seen=seen, new=new):
        raise LostRace
    await store.add_promotion(connection, wish, new=new, decision_id=decision_id, replaces=replaces)
    rolled_back = wish.kind == "rollback"
    detail = f"Model {new.model_id} is the champion{' again' if rolled_back else ''} under epoch {epoch}."
    await _end(connection, wish, state="honoured", outcome="applied", reason=None, detail=detail)
    row: Mapping[str, Any] = {
        "model": wish.model,
        "epoch": epoch,
        "model_id": found.model_id,
        "mlflow_version": found.mlflow_version,
        "feature_version": found.feature_version,
        "reason": wish.reason,
        "actor": wish.actor,
    }
    event = announcements.model_promoted(row, lineage=await store.lineage(connection), replaces=replaces)
    return Ended(outcome="rolled_back" if rolled_back else "promoted", epoch=epoch, detail=detail), event


async def _refused(connection: Connection, wish: Wish, refusals: tuple[str, ...]) -> Ended:
    detail = f"The gate did not let the model through: {', '.join(refusals)}; see the decision's evidence."
    # Who asked for training got it; who asked for this very promotion did not.
    outcome: CommandOutcome = "rejected" if wish.by_command else "applied"
    await _end(connection, wish, state="refused", outcome=outcome, reason=Reason.GATE, detail=detail)
    return Ended(outcome="refused", detail=detail)


async def _reject(connection: Connection, wish: Wish, reason: str, detail: str) -> Ended:
    await _end(connection, wish, state="refused", outcome="rejected", reason=reason, detail=detail)
    return Ended(outcome="refused", detail=detail)


async def _already(connection: Connection, wish: Wish, seen: ReplacedModel) -> Ended:
    detail = f"Model {seen.model_id} is the champion already, under epoch {seen.epoch}."
    await _end(connection, wish, state="honoured", outcome="applied", reason=None, detail=detail)
    return Ended(outcome="already", epoch=seen.epoch, detail=detail)


async def _end(
    connection: Connection, wish: Wish, *, state: str, outcome: CommandOutcome, reason: str | None, detail: str
) -> None:
    await store.end_wish(connection, wish, state=state, detail=detail)
    subject = str(wish.job_id) if wish.job_id is not None and not wish.by_command else wish.model_id
    await asking.settle(connection, wish.command_id, outcome=outcome, reason=reason, detail=detail, subject=subject)


def _evaluated(
    wish: Wish,
    decision_id: int,
    model_id: str,
    seen: ReplacedModel | None,
    metrics: Mapping[str, float],
    refusals: tuple[str, ...],
) -> Event:
    if wish.job_id is None:
        raise ValueError("a wish that is judged has a job")
    return announcements.model_evaluated(
        job_id=wish.job_id,
        model=wish.model,
        command_id=wish.command_id,
        decision_id=decision_id,
        model_id=model_id,
        champion=seen,
        metrics=metrics,
        refusals=refusals,
    )
