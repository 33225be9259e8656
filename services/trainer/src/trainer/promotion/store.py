"""Read the queue of wishes and change the champion by compare-and-set.

The functions run in their caller's transaction. Lock order: wishes, then champions.
"""

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

import msgspec
from asyncpg import Record
from readmit_contracts.events import ReplacedModel
from readmit_runtime.database import Connection

LIVING_S = 15
"""A replica lives when it reported within so many seconds; `status.replicas` says the same."""

WishKind = Literal["promotion", "rollback"]


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A wish that is ready to be worked on."""

    wish_id: int
    kind: WishKind
    model: str
    command_id: UUID
    job_id: UUID | None
    model_id: str | None
    """The model to promote; the job's, unless a command named one."""
    by_command: bool
    """A command named the model: a refusal is the command's."""
    frame_key: str | None
    to_epoch: int | None
    expected_epoch: int | None
    actor: str
    reason: str
    traceparent: str | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A model that may become the champion."""

    model_id: str
    feature_version: int
    mlflow_version: str | None


async def next_wish(connection: Connection) -> Wish | None:
    """Return the first wish of the queue that is ready; None when none is."""
    row = await connection.fetchrow(
        """
        SELECT w.wish_id, w.kind, w.model, w.command_id, w.job_id, coalesce(w.model_id, j.model_id) AS model_id,
               w.model_id IS NOT NULL AS by_command, j.frame_key, w.to_epoch, w.expected_epoch, w.actor, w.reason,
               w.traceparent
        FROM training.wishes w LEFT JOIN training.jobs j USING (job_id)
        WHERE w.state = 'open' AND (w.kind = 'rollback' OR (w.kind = 'promotion' AND j.state = 'done'))
        ORDER BY w.wish_id
        LIMIT 1
        """
    )
    return Wish(**row) if row is not None else None


async def lock_wish(connection: Connection, wish: Wish) -> bool:
    """Lock the wish for this transaction; False when somebody ended it meanwhile."""
    found = await connection.fetchval(
        "SELECT true FROM training.wishes WHERE wish_id = $1 AND state = 'open' FOR UPDATE", wish.wish_id
    )
    return found is not None


async def end_wish(connection: Connection, wish: Wish, *, state: str, detail: str) -> None:
    """Take the wish off the queue."""
    await connection.execute(
        "UPDATE training.wishes SET state = $2, detail = $3, ended_at = now() WHERE wish_id = $1",
        wish.wish_id,
        state,
        detail,
    )


async def champion(connection: Connection, model: str, *, lock: bool = False) -> ReplacedModel | None:
    """Return the champion of a model name; `lock` keeps it as it is until the transaction ends."""
    row = await connection.fetchrow(
        f"SELECT epoch, model_id FROM training.champions WHERE model = $1 {'FOR UPDATE' if lock else ''}",  # noqa: S608 - one of two literals
        model,
    )
    return ReplacedModel(epoch=row["epoch"], model_id=row["model_id"]) if row is not None else None


async def candidate(connection: Connection, model_id: str) -> Candidate:
    """Return what a promotion says of a model; raises LookupError for one that is not there."""
    row = await connection.fetchrow(
        "SELECT model_id, feature_version, mlflow_version FROM training.models WHERE model_id = $1", model_id
    )
    if row is None:
        raise LookupError(f"training.models has no model {model_id} although a job came to it")
    return Candidate(**row)


async def unable_replicas(connection: Connection, model: str, feature_version: int) -> list[str]:
    """Return the living replicas of a model name that cannot read bundles of this feature version."""
    rows = await connection.fetch(
        """
        SELECT replica FROM training.replicas
        WHERE model = $1 AND status <> 'stopping' AND reported_at > now() - make_interval(secs => $3)
          AND NOT $2 = ANY (feature_versions)
        ORDER BY replica
        """,
        model,
        feature_version,
        LIVING_S,
    )
    return [row["replica"] for row in rows]


async def promotion_of(connection: Connection, model: str, *, epoch: int | None, before: int) -> Record | None:
    """Return the promotion of an epoch, or the last one before `before`; None when there is none."""
    return await connection.fetchrow(
        """
        SELECT epoch, model_id FROM training.promotions
        WHERE model = $1 AND ($2::bigint IS NULL OR epoch = $2) AND epoch < $3
        ORDER BY epoch DESC LIMIT 1
        """,
        model,
        epoch,
        before,
    )


async def add_decision(
    connection: Connection,
    wish: Wish,
    *,
    model_id: str,
    seen: ReplacedModel | None,
    refusals: Sequence[str],
    evidence: Any,
) -> int:
    """Record a verdict and return its number."""
    number: int = await connection.fetchval(
        """
        INSERT INTO training.decisions
            (model, model_id, command_id, champion_epoch, champion_model_id, passed, refusals, evidence)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb)
        RETURNING decision_id
        """,
        wish.model,
        model_id,
        wish.command_id,
        seen.epoch if seen else None,
        seen.model_id if seen else None,
        not refusals,
        list(refusals),
        msgspec.json.encode(evidence).decode(),
    )
    return number


async def swap_champion(connection: Connection, model: str, *, seen: ReplacedModel | None, new: ReplacedModel) -> bool:
    """Put the new champion in the place of the one that was seen; False when it is no longer that one."""
    if seen is None:
        done = await connection.execute(
            "INSERT INTO training.champions (model, epoch, model_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            model,
            new.epoch,
            new.model_id,
        )
        return bool(done == "INSERT 0 1")
    done = await connection.execute(
        "UPDATE training.champions SET epoch = $3, model_id = $4 WHERE model = $1 AND epoch = $2",
        model,
        seen.epoch,
        new.epoch,
        new.model_id,
    )
    return bool(done == "UPDATE 1")


async def add_promotion(
    connection: Connection,
    wish: Wish,
    *,
    new: ReplacedModel,
    decision_id: int | None,
    replaces: ReplacedModel | None,
) -> None:
    """Record the new epoch."""
    await connection.execute(
        """
        INSERT INTO training.promotions
            (model, epoch, model_id, kind, command_id, decision_id, replaces_epoch, replaces_model_id, actor, reason)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        wish.model,
        new.epoch,
        new.model_id,
        wish.kind,
        wish.command_id,
        decision_id,
        replaces.epoch if replaces else None,
        replaces.model_id if replaces else None,
        wish.actor,
        wish.reason,
    )


async def lineage(connection: Connection) -> UUID:
    """Return this database's lineage."""
    found: UUID = await connection.fetchval("SELECT lineage FROM training.lineage")
    return found


async def champions(connection: Connection) -> list[Record]:
    """Return every champion's promotion, with its model's version and feature version."""
    return await connection.fetch(
        """
        SELECT p.*, m.mlflow_version, m.feature_version
        FROM training.champions c
        JOIN training.promotions p ON (p.model, p.epoch) = (c.model, c.epoch)
        JOIN training.models m ON m.model_id = c.model_id
        ORDER BY p.model
        """
    )


async def is_waiting(connection: Connection, topic: str, key: str) -> bool:
    """Tell whether the outbox holds a record of this topic and key that is not yet published."""
    found = await connection.fetchval(
        "SELECT true FROM training.outbox WHERE published_at IS NULL AND topic = $1 AND key = $2 LIMIT 1",
        topic,
        key.encode(),
    )
    return found is not None
