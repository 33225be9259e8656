"""Read the status views of training and serving: jobs, models, promotions, replicas."""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

import msgspec
from asyncpg import Record
from readmit_runtime.database import Connection

from readmit_cli.model_rows import (
    ChampionStatus,
    DecisionStatus,
    JobStatus,
    ModelStatus,
    PromotionStatus,
    ReplicaStatus,
)

_JSON = ("metrics", "durations_s", "evidence")
_Row = TypeVar("_Row", bound=msgspec.Struct)


class ModelStatusStore:
    """The status views over one connection; every answer is as of its own moment."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def job(self, job_id: UUID) -> JobStatus | None:
        """Return one training job, None when there is none of this id."""
        row = await self._connection.fetchrow("SELECT * FROM status.jobs WHERE job_id = $1", job_id)
        return None if row is None else _struct(row, JobStatus)

    async def jobs(self, limit: int) -> Sequence[JobStatus]:
        """Return the active jobs of all names and the last ones besides, at most `limit` of these, newest first."""
        rows = await self._connection.fetch(
            """
            SELECT * FROM status.jobs
            WHERE state IN ('waiting', 'running')
            OR job_id IN (SELECT job_id FROM status.jobs ORDER BY asked_at DESC, job_id LIMIT $1)
            ORDER BY asked_at DESC, job_id
            """,
            limit,
        )
        return [_struct(row, JobStatus) for row in rows]

    async def jobs_without_model(self, model: str, limit: int) -> Sequence[JobStatus]:
        """Return the jobs that came to no model, or not yet, the last asked for first."""
        rows = await self._connection.fetch(
            "SELECT * FROM status.jobs WHERE model = $1 AND state <> 'done' ORDER BY asked_at DESC, job_id LIMIT $2",
            model,
            limit,
        )
        return [_struct(row, JobStatus) for row in rows]

    async def models(self, model: str, limit: int) -> Sequence[ModelStatus]:
        """Return the models trained under a name, newest first."""
        rows = await self._connection.fetch(
            "SELECT * FROM status.models WHERE model = $1 ORDER BY trained_at DESC, model_id LIMIT $2", model, limit
        )
        return [_struct(row, ModelStatus) for row in rows]

    async def models_beginning(self, beginning: str) -> Sequence[ModelStatus]:
        """Return up to three models whose id begins so, under whatever name they were trained first."""
        rows = await self._connection.fetch(
            "SELECT * FROM status.models WHERE starts_with(model_id, $1) ORDER BY model_id LIMIT 3", beginning
        )
        return [_struct(row, ModelStatus) for row in rows]

    async def model_of_version(self, model: str, version: str) -> ModelStatus | None:
        """Return the model that MLflow has under this version, None when there is none."""
        row = await self._connection.fetchrow(
            "SELECT * FROM status.models WHERE model = $1 AND version = $2", model, version
        )
        return None if row is None else _struct(row, ModelStatus)

    async def decisions(self, model: str, limit: int, *, model_id: str | None = None) -> Sequence[DecisionStatus]:
        """Return the gate's verdicts on every model of a name or on one of them, newest first."""
        rows = await self._connection.fetch(
            """
            SELECT * FROM status.decisions WHERE model = $1 AND ($3::text IS NULL OR model_id = $3)
            ORDER BY decision_id DESC LIMIT $2
            """,
            model,
            limit,
            model_id,
        )
        return [_struct(row, DecisionStatus) for row in rows]

    async def decision_of(self, command_id: UUID) -> DecisionStatus | None:
        """Return the gate's verdict that a message led to, None when the gate was not asked."""
        row = await self._connection.fetchrow(
            "SELECT * FROM status.decisions WHERE command_id = $1 ORDER BY decision_id DESC LIMIT 1", command_id
        )
        return None if row is None else _struct(row, DecisionStatus)

    async def promotions(self, model: str, limit: int, *, model_id: str | None = None) -> Sequence[PromotionStatus]:
        """Return the promotions and rollbacks of a name, to every model or to one of them, newest first."""
        rows = await self._connection.fetch(
            """
            SELECT * FROM status.promotions WHERE model = $1 AND ($3::text IS NULL OR model_id = $3)
            ORDER BY epoch DESC LIMIT $2
            """,
            model,
            limit,
            model_id,
        )
        return [_struct(row, PromotionStatus) for row in rows]

    async def promotion_of(self, command_id: UUID) -> PromotionStatus | None:
        """Return the promotion that a message led to, None when it led to none."""
        row = await self._connection.fetchrow("SELECT * FROM status.promotions WHERE command_id = $1", command_id)
        return None if row is None else _struct(row, PromotionStatus)

    async def champions(self) -> Sequence[ChampionStatus]:
        """Return the model that serves under each name."""
        rows = await self._connection.fetch("SELECT * FROM status.champions ORDER BY model")
        return [_struct(row, ChampionStatus) for row in rows]

    async def champion(self, model: str) -> ChampionStatus | None:
        """Return the model that serves under a name, None before the first promotion."""
        row = await self._connection.fetchrow("SELECT * FROM status.champions WHERE model = $1", model)
        return None if row is None else _struct(row, ChampionStatus)

    async def replicas(self) -> Sequence[ReplicaStatus]:
        """Return the predictor processes that live."""
        rows = await self._connection.fetch("SELECT * FROM status.replicas WHERE alive ORDER BY replica")
        return [_struct(row, ReplicaStatus) for row in rows]


def _struct(row: Record, kind: type[_Row]) -> _Row:
    decoded = {name: msgspec.json.decode(row[name]) for name in _JSON if row.get(name) is not None}
    return msgspec.convert({**row, **decoded}, kind)
