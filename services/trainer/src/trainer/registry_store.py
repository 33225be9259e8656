"""Read what is on record of jobs, models, champions and replicas, for the metrics."""

from collections.abc import Mapping, Sequence

import msgspec
from readmit_contracts.source import Split
from readmit_runtime import outbox
from readmit_runtime.database import Connection

from trainer.announcements import SCHEMA
from trainer.promotion.store import LIVING_S

MOST = 20
"""So many models are told of: a model's name is whatever a command said, and each makes series."""


class ModelState(msgspec.Struct, frozen=True, kw_only=True):
    """The job that a name's champion comes from, or the newest that is done."""

    model: str
    role: str
    """champion or newest."""
    auroc: float | None
    """On the job's validation rows; None where it has no such figure."""
    rows: Mapping[Split, int]
    """Of its training set."""


class ChampionState(msgspec.Struct, frozen=True, kw_only=True):
    """A champion and the replicas that live under its name."""

    model: str
    epoch: int
    age_s: float
    replicas: Mapping[str, int]
    """Living ones by the epoch that they serve; `none` before their first model."""
    unconverged: int
    """Living ones that serve an older epoch, none, or one of another database."""


class RegistryState(msgspec.Struct, frozen=True, kw_only=True):
    """What the trainer's tables say."""

    jobs: Mapping[str, int]
    """By state."""
    models: Sequence[ModelState]
    champions: Sequence[ChampionState]
    outbox_age_s: float


async def read_registry(connection: Connection) -> RegistryState:
    """Return what the tables say now."""
    jobs = await connection.fetch("SELECT state, count(*) AS jobs FROM training.jobs GROUP BY state")
    return RegistryState(
        jobs={row["state"]: row["jobs"] for row in jobs},
        models=await _models(connection),
        champions=await _champions(connection),
        outbox_age_s=await outbox.oldest_age_s(connection, SCHEMA),
    )


async def _models(connection: Connection) -> list[ModelState]:
    rows = await connection.fetch(
        """
        WITH told AS (
            (SELECT c.model, 'champion' AS role, m.job_id
             FROM training.champions c JOIN training.models m USING (model_id) ORDER BY c.model LIMIT $1)
            UNION ALL
            (SELECT DISTINCT ON (model) model, 'newest', job_id
             FROM training.jobs WHERE state = 'done' ORDER BY model, finished_at DESC, job_id LIMIT $1)
        )
        SELECT t.model, t.role, (j.metrics -> 'validation' ->> 'auroc')::float8 AS auroc,
               (SELECT coalesce(jsonb_object_agg(split, rows), '{}') FROM
                   (SELECT ref ->> 'split' AS split, sum((ref ->> 'rows')::bigint) AS rows
                    FROM jsonb_array_elements(j.training_set) ref GROUP BY 1) by_split)::text AS rows
        FROM told t JOIN training.jobs j USING (job_id)
        """,
        MOST,
    )
    return [
        ModelState(
            model=row["model"],
            role=row["role"],
            auroc=row["auroc"],
            rows=msgspec.json.decode(row["rows"], type=dict[Split, int]),
        )
        for row in rows
    ]


async def _champions(connection: Connection) -> list[ChampionState]:
    champions = await connection.fetch(
        """
        SELECT c.model, c.epoch, extract(epoch FROM now() - p.promoted_at)::float8 AS age_s
        FROM training.champions c JOIN training.promotions p ON (p.model, p.epoch) = (c.model, c.epoch)
        ORDER BY c.model LIMIT $1
        """,
        MOST,
    )
    replicas = await connection.fetch(
        """
        SELECT r.model, coalesce(r.epoch::text, 'none') AS epoch, count(*) AS living,
               count(*) FILTER (WHERE (r.lineage = l.lineage AND r.epoch >= c.epoch) IS NOT TRUE) AS unconverged
        FROM training.replicas r JOIN training.champions c USING (model) CROSS JOIN training.lineage l
        WHERE r.reported_at > now() - make_interval(secs => $1) AND r.status <> 'stopping'
        GROUP BY r.model, r.epoch
        """,
        LIVING_S,
    )
    return [
        ChampionState(
            model=row["model"],
            epoch=row["epoch"],
            age_s=row["age_s"],
            replicas={found["epoch"]: found["living"] for found in replicas if found["model"] == row["model"]},
            unconverged=sum(found["unconverged"] for found in replicas if found["model"] == row["model"]),
        )
        for row in champions
    ]
