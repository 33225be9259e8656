"""Read readmit's status views, the only part of its database that is open to Airflow."""

import json
from typing import Any

import asyncpg

CONNECT_S = 5.0
ANSWER_S = 20.0

Row = dict[str, Any]

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
)
"""What is raised while the database is away, or restarts; looking again later may help."""


class StatusViews:
    """The views over one connection; every answer is as of its own moment, columns as in the views."""

    def __init__(self, connection: "asyncpg.Connection[Any]") -> None:
        self._connection = connection

    async def schema_revision(self) -> str:
        """Return the revision that the database is at."""
        return str(await self._connection.fetchval("SELECT revision FROM status.schema"))

    async def command(self, command_id: str, consumer: str) -> Row | None:
        """Return what became of a message at the service that acts on it, None as long as it was not taken up."""
        return await self._row(
            "SELECT * FROM status.commands WHERE command_id = $1::uuid AND consumer = $2", command_id, consumer
        )

    async def run_of(self, command_id: str) -> Row | None:
        """Return the run that a command asked for."""
        return await self._row("SELECT * FROM status.runs WHERE command_id = $1::uuid", command_id)

    async def split(self, run_id: str, split: str) -> Row:
        """Return the sums over a run's batches of one split: batches, clean, planned_rows, published, and outcomes."""
        row = await self._row(
            """
            SELECT count(*) AS batches, count(*) FILTER (WHERE b.state = 'clean') AS clean,
                   coalesce(sum(b.planned_rows), 0)::bigint AS planned_rows,
                   coalesce(sum(b.published), 0)::bigint AS published, coalesce(sum(b.stored), 0)::bigint AS stored,
                   coalesce(sum(b.duplicate), 0)::bigint AS duplicate,
                   coalesce(sum(b.quarantined), 0)::bigint AS quarantined,
                   coalesce(sum(b.discarded), 0)::bigint AS discarded
            FROM status.run_batches w JOIN status.batches b USING (generation, dataset_id, split, batch)
            WHERE w.run_id = $1::uuid AND w.split = $2
            """,
            run_id,
            split,
        )
        return row or {}

    async def clean_tables(self) -> list[Row]:
        """Return for each clean table its rows and those that the ledger wants in it; `waiting` batches come yet."""
        return await self._rows(
            """
            SELECT t.table_name, t.rows, coalesce(l.rows, 0)::bigint AS in_ledger, coalesce(l.waiting, 0) AS waiting,
                   coalesce(l.failed, 0) AS failed
            FROM status.tables t
            LEFT JOIN (
                SELECT split, sum(stored) FILTER (WHERE state = 'clean') AS rows,
                       count(*) FILTER (WHERE state = 'stored') AS waiting,
                       count(*) FILTER (WHERE state = 'failed') AS failed
                FROM status.batches WHERE generation = (SELECT generation FROM status.store) GROUP BY split
            ) l ON t.table_name = 'clean.' || l.split
            WHERE starts_with(t.table_name, 'clean.') ORDER BY t.table_name
            """
        )

    async def job(self, job_id: str) -> Row | None:
        """Return a training job, with its model and MLflow's version of it as far as there are."""
        return await self._row(
            """
            SELECT j.*, m.version, m.mlflow_run_id, now() - j.finished_at < interval '20 s' AS fresh
            FROM status.jobs j LEFT JOIN status.models m USING (model_id) WHERE j.job_id = $1::uuid
            """,
            job_id,
        )

    async def decision_of(self, command_id: str) -> Row | None:
        """Return the gate's verdict that a message led to, None when the gate was not asked."""
        return await self._row(
            "SELECT * FROM status.decisions WHERE command_id = $1::uuid ORDER BY decision_id DESC LIMIT 1", command_id
        )

    async def promotion_of(self, command_id: str) -> Row | None:
        """Return the promotion that a message led to, None when it led to none."""
        return await self._row("SELECT * FROM status.promotions WHERE command_id = $1::uuid", command_id)

    async def champion(self, model: str) -> Row | None:
        """Return the model that serves under a name, with the numbers of replicas that live and that have it."""
        return await self._row("SELECT * FROM status.champions WHERE model = $1", model)

    async def replicas_behind(self, model: str) -> list[Row]:
        """Return the living replicas that do not serve the champion's epoch, or a later one of its lineage."""
        return await self._rows(
            """
            SELECT r.replica, r.status, r.epoch, r.load_failure, r.lineage <> c.lineage AS foreign_lineage
            FROM status.replicas r JOIN status.champions c USING (model)
            WHERE model = $1 AND r.alive AND NOT coalesce(r.epoch >= c.epoch AND r.lineage = c.lineage, false)
            ORDER BY r.replica
            """,
            model,
        )

    async def last_run_without_follow_up(self) -> str | None:
        """Return the run of this generation that completed last of those that wanted nothing to follow."""
        row = await self._row(
            """
            SELECT run_id::text FROM status.runs
            WHERE state = 'completed' AND "then" = 'nothing' AND generation = (SELECT generation FROM status.store)
            ORDER BY finished_at DESC, run_id LIMIT 1
            """
        )
        return None if row is None else str(row["run_id"])

    async def _row(self, statement: str, *values: Any) -> Row | None:
        row = await self._connection.fetchrow(statement, *values)
        return None if row is None else dict(row)

    async def _rows(self, statement: str, *values: Any) -> list[Row]:
        return [dict(row) for row in await self._connection.fetch(statement, *values)]


async def connect(**place: Any) -> "asyncpg.Connection[Any]":
    """Connect to host, port, database as user with password; raises what is in AWAY."""
    connection = await asyncpg.connect(**place, **_OPTIONS)
    await _read_json(connection)
    return connection


async def open_pool(most: int, **place: Any) -> "asyncpg.Pool[Any]":
    """Return a pool that connects when it is asked, to the same place, `most` times at once."""
    return await asyncpg.create_pool(**place, **_OPTIONS, min_size=0, max_size=most, init=_read_json)


async def _read_json(connection: "asyncpg.Connection[Any]") -> None:
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


_OPTIONS: dict[str, Any] = {
    "timeout": CONNECT_S,
    "command_timeout": ANSWER_S,
    "server_settings": {"application_name": "airflow"},
}
