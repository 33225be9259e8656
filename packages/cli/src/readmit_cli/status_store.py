"""Read the status views: the only thing of the database that is open to operators."""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

import msgspec
from asyncpg import Record
from readmit_contracts.source import SPLITS
from readmit_runtime.database import Connection

from readmit_cli.status_rows import (
    BatchStatus,
    CommandStatus,
    RunStatus,
    StoreStatus,
    TableStatus,
)

_Row = TypeVar("_Row", bound=msgspec.Struct)


class StatusStore:
    """The status views over one connection; every answer is as of its own moment."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def store(self) -> StoreStatus:
        """Return the store's generation and the schema's revision."""
        row = await self._connection.fetchrow(
            """
            SELECT s.generation, s.split_rule, s.reset_at, v.revision AS schema_revision
            FROM status.store s CROSS JOIN status.schema v
            """
        )
        if row is None:
            raise LookupError("status.store is empty; the migrations write its one row")
        return _struct(row, StoreStatus)

    async def tables(self) -> Sequence[TableStatus]:
        """Return the rows of each raw and clean table; counts them."""
        rows = await self._connection.fetch("SELECT table_name, rows FROM status.tables")
        return [_struct(row, TableStatus) for row in rows]

    async def command(self, command_id: UUID, *, consumer: str) -> CommandStatus | None:
        """Return what became of a message at the service that takes it, None as long as that did not.

        Another service may have seen a message of the same id; what it made of it is not asked for.
        """
        row = await self._connection.fetchrow(
            "SELECT * FROM status.commands WHERE command_id = $1 AND consumer = $2", command_id, consumer
        )
        return None if row is None else _struct(row, CommandStatus)

    async def run(self, run_id: UUID) -> RunStatus | None:
        """Return one run, None when there is none of this id."""
        row = await self._connection.fetchrow("SELECT * FROM status.runs WHERE run_id = $1", run_id)
        return None if row is None else _run(row)

    async def run_of(self, command_id: UUID) -> RunStatus | None:
        """Return the run that a command asked for, None as long as there is none."""
        row = await self._connection.fetchrow("SELECT * FROM status.runs WHERE command_id = $1", command_id)
        return None if row is None else _run(row)

    async def runs(self, limit: int) -> Sequence[RunStatus]:
        """Return the active runs and the last ones besides, at most `limit` of these, newest first."""
        rows = await self._connection.fetch(
            """
            SELECT * FROM status.runs WHERE state IN ('planned', 'streaming')
            UNION
            (SELECT * FROM status.runs ORDER BY planned_at DESC LIMIT $1)
            ORDER BY planned_at DESC
            """,
            limit,
        )
        return [_run(row) for row in rows]

    async def run_ids(self, beginning: str) -> Sequence[UUID]:
        """Return the ids of up to three runs whose id begins so, newest first; an empty beginning is every run's."""
        rows = await self._connection.fetch(
            """
            SELECT run_id FROM status.runs WHERE starts_with(run_id::text, $1)
            ORDER BY planned_at DESC LIMIT 3
            """,
            beginning,
        )
        return [row["run_id"] for row in rows]

    async def run_batches(self, run_id: UUID) -> Sequence[BatchStatus]:
        """Return the run's batches, by split and number."""
        rows = await self._connection.fetch(
            """
            SELECT b.* FROM status.run_batches w JOIN status.batches b USING (generation, dataset_id, split, batch)
            WHERE w.run_id = $1
            ORDER BY array_position($2::text[], b.split), b.batch
            """,
            run_id,
            SPLITS,
        )
        return [_struct(row, BatchStatus) for row in rows]

    async def batches(self, generation: int) -> Sequence[BatchStatus]:
        """Return every batch of a generation, by dataset, split and number."""
        rows = await self._connection.fetch(
            """
            SELECT * FROM status.batches WHERE generation = $1
            ORDER BY dataset_no, array_position($2::text[], split), batch
            """,
            generation,
            SPLITS,
        )
        return [_struct(row, BatchStatus) for row in rows]


def _run(row: Record) -> RunStatus:
    return msgspec.convert({**row, "requested": msgspec.json.decode(row["requested"])}, RunStatus)


def _struct(row: Record, kind: type[_Row]) -> _Row:
    return msgspec.convert(dict(row), kind)
