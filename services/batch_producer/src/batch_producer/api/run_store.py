"""Read runs, their batches and commands from the ledger."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
from readmit_contracts.source import SPLITS
from readmit_runtime.database import Connection, Pool, transient_errors

from batch_producer.api.models import BatchProgress, CommandResult, Run, RunDetail, percent

_RUN = """
    SELECT r.run_id, r.command_id, r.generation, d.dataset_id, r.requested, r.then_do AS "then", r.state, r.reason,
           r.detail, r.planned_at, r.streaming_at, r.sent_at, r.finished_at, t.*
    FROM {runs} r
    JOIN ingest.datasets d USING (dataset_no)
    CROSS JOIN LATERAL (
        SELECT count(*) AS batches, count(*) FILTER (WHERE b.state = 'clean') AS clean_batches,
               coalesce(sum(b.planned_rows), 0) AS planned_rows, coalesce(sum(b.published), 0) AS published,
               coalesce(sum(b.planned_rows - b.published), 0) AS missing, coalesce(sum(b.stored), 0) AS stored,
               coalesce(sum(b.duplicate), 0) AS duplicate, coalesce(sum(b.quarantined), 0) AS quarantined,
               coalesce(sum(b.discarded), 0) AS discarded
        FROM ingest.run_batches w JOIN ingest.batches b USING (generation, dataset_no, split, batch)
        WHERE w.run_id = r.run_id
    ) t
    ORDER BY r.planned_at DESC, r.run_id
"""
# the limit comes before the counting: else every run there ever was would be counted
_LATEST = _RUN.replace("{runs}", "(SELECT * FROM ingest.runs ORDER BY planned_at DESC, run_id LIMIT $1)")
_ONE = _RUN.replace("{runs}", "(SELECT * FROM ingest.runs WHERE run_id = $1)")
_BATCHES = """
    SELECT b.split, b.batch, b.state, b.failed_reason AS reason, b.failed_detail AS detail, b.planned_rows, b.published,
           b.planned_rows - b.published AS missing, b.stored, b.duplicate, b.quarantined, b.discarded
    FROM ingest.run_batches w JOIN ingest.batches b USING (generation, dataset_no, split, batch)
    WHERE w.run_id = $1
"""
_COMMAND = """
    SELECT command_id, command_type, outcome, reason, detail, subject, recorded_at
    FROM ingest.inbox WHERE consumer = $1 AND command_id = $2
"""


class PostgresRunReader:
    """A RunReader of the ledger."""

    def __init__(self, pool: Pool, *, consumer: str) -> None:
        """Take the pool, and the name under which this service's commands stand in the inbox."""
        self._pool = pool
        self._consumer = consumer

    async def runs(self, *, limit: int) -> list[Run]:
        """Return up to `limit` runs, the one planned last first."""
        async with self._connection() as connection:
            rows = await connection.fetch(_LATEST, limit)
        return [Run(**_run(dict(row))) for row in rows]

    async def run(self, run_id: UUID) -> RunDetail | None:
        """Return a run with its batches; None for an unknown run."""
        # one snapshot, so that the batches add up to the run
        async with self._connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            row = await connection.fetchrow(_ONE, run_id)
            rows = await connection.fetch(_BATCHES, run_id)
        if row is None:
            return None
        batches = [BatchProgress(**_counted(dict(batch))) for batch in rows]
        batches.sort(key=lambda batch: (SPLITS.index(batch.split), batch.batch))
        return RunDetail(**_run(dict(row)), batch_progress=batches)

    async def command(self, command_id: UUID) -> CommandResult | None:
        """Return what became of a command; None before its turn."""
        async with self._connection() as connection:
            row = await connection.fetchrow(_COMMAND, self._consumer, command_id)
        return CommandResult(**row) if row is not None else None

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        with transient_errors():
            async with self._pool.acquire() as connection:
                yield connection


def _run(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**_counted(row), "requested": msgspec.json.decode(row["requested"])}


def _counted(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "percent": percent(published=row["published"], planned=row["planned_rows"])}
