"""Read a run, its batches and every row of theirs, in one snapshot of the store."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self
from uuid import UUID

import msgspec
from asyncpg import Record
from readmit_contracts.columns import COLUMNS
from readmit_contracts.commands import BatchSelection
from readmit_contracts.source import BATCH_ROWS, SPLITS, Split
from readmit_contracts.tables import CLEAN_COLUMNS, RAW_COLUMNS, clean_select, content_expression
from readmit_runtime.database import Connection

from readmit_cli.verification.findings import Terms
from readmit_cli.verification.records import (
    AsideRow,
    BatchRecord,
    ChunkRecord,
    CleanRow,
    Fault,
    RawRow,
    RunRecord,
    StrayRows,
)

# A batch is read in its range of row numbers; $1 to $3 are dataset, first and last row.
_SPAN = "dataset_no = $1 AND row_no BETWEEN $2 AND $3"
FIELD_NAMES = tuple(column.sql_name for column in COLUMNS)
_EMPTIED_BY_RESET = (
    *(f"{schema}.{split}" for schema in ("raw", "clean") for split in SPLITS),
    "ingest.chunks",
    "ingest.duplicates",
)


class AuditStore:
    """The store and its ledger, read as they were at one moment."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def snapshot(cls, connection: Connection) -> AsyncIterator[Self]:
        """Open a transaction in which every answer is of the same moment, and which can't write; a reset waits."""
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            # Before the first query, with which the moment begins: a snapshot does not see what a reset truncates.
            await connection.execute(f"LOCK TABLE {', '.join(_EMPTIED_BY_RESET)} IN ACCESS SHARE MODE")
            yield cls(connection)

    async def run(self, run_id: UUID) -> RunRecord | None:
        """Return a run with its dataset, None when there is none of this id."""
        row = await self._connection.fetchrow(
            """
            SELECT r.run_id, r.state, r.generation, s.generation AS store_generation, r.dataset_no, d.dataset_id,
                   d.file_sha256, d.rows AS dataset_rows, r.requested
            FROM ingest.runs r JOIN ingest.datasets d USING (dataset_no) CROSS JOIN ingest.store s
            WHERE r.run_id = $1
            """,
            run_id,
        )
        if row is None:
            return None
        requested = msgspec.json.decode(row["requested"], type=dict[Split, BatchSelection])
        return RunRecord(**{**dict(row), "requested": requested})

    async def batches(self, run: RunRecord) -> Sequence[BatchRecord]:
        """Return the batches that the run wants, in the order of the splits, then of their numbers."""
        rows = await self._connection.fetch(
            """
            SELECT w.generation, w.dataset_no, w.split, w.batch, b.state, b.sha256, b.planned_rows AS planned,
                   b.published, b.stored, b.duplicate, b.quarantined, b.discarded
            FROM ingest.run_batches w JOIN ingest.batches b USING (generation, dataset_no, split, batch)
            WHERE w.run_id = $1
            ORDER BY array_position($2::text[], w.split), w.batch
            """,
            run.run_id,
            SPLITS,
        )
        return [_batch(row) for row in rows]

    async def planned_chunks(self, batch: BatchRecord) -> Sequence[ChunkRecord]:
        """Return the batch's chunks as planned."""
        rows = await self._connection.fetch(
            """
            SELECT chunk, rows, sha256, first_row FROM ingest.planned_chunks
            WHERE (dataset_no, split, batch) = ($1, $2, $3) ORDER BY chunk
            """,
            batch.dataset_no,
            batch.split,
            batch.batch,
        )
        return [ChunkRecord(*row) for row in rows]

    async def ledger(self, batch: BatchRecord) -> Sequence[ChunkRecord]:
        """Return the batch's chunks that arrived."""
        rows = await self._connection.fetch(
            """
            SELECT chunk, rows, sha256 FROM ingest.chunks
            WHERE (generation, dataset_no, split, batch) = ($4, $1, $2, $3) ORDER BY chunk
            """,
            batch.dataset_no,
            batch.split,
            batch.batch,
            batch.generation,
        )
        return [ChunkRecord(*row) for row in rows]

    async def aside(self, batch: BatchRecord) -> Sequence[AsideRow]:
        """Return the batch's rows that were set aside: duplicates, and rows in quarantine or discarded from it."""
        content = f"concat_ws(',', {', '.join(f'r.{name}' for name in FIELD_NAMES)})"
        duplicates = await self._connection.fetch(
            f"""
            SELECT d.row_no, d.batch, d.first_dataset_no, d.first_row_no,
                   CASE WHEN r.row_no IS NOT NULL THEN {content} END AS stored, q.line
            FROM ingest.duplicates d
            LEFT JOIN raw.{batch.split} r
                ON (r.encounter_id, r.dataset_no, r.row_no) = (d.encounter_id, d.first_dataset_no, d.first_row_no)
            LEFT JOIN ingest.quarantine q
                ON (q.generation, q.dataset_no, q.split, q.row_no) = ($5, d.first_dataset_no, d.split, d.first_row_no)
            WHERE d.dataset_no = $1 AND d.row_no BETWEEN $2 AND $3 AND d.split = $4
            ORDER BY d.row_no
            """,  # noqa: S608 - the split is one of three literals, the columns are ours
            *_span(batch),
            batch.split,
            batch.generation,
        )
        quarantined = await self._connection.fetch(
            f"""
            SELECT row_no, batch, CASE state WHEN 'open' THEN 'quarantined' ELSE 'discarded' END AS outcome, line,
                   reason, field, value
            FROM ingest.quarantine
            WHERE {_SPAN} AND split = $4 AND generation = $5 AND state IN ('open', 'discarded')
            ORDER BY row_no
            """,  # noqa: S608 - the statement is ours
            *_span(batch),
            batch.split,
            batch.generation,
        )
        return [*map(_duplicate, duplicates), *(_quarantined(batch, row) for row in quarantined)]

    async def raw_lines(self, batch: BatchRecord) -> bytes:
        """Return the batch's rows in row order as COPY writes them: chunk lines, each ended by LF."""
        parts: list[bytes] = []

        async def collect(part: bytes) -> None:
            parts.append(part)

        await self._connection.copy_from_query(
            f"SELECT {', '.join(RAW_COLUMNS)} FROM raw.{batch.split} WHERE {_SPAN} ORDER BY row_no",  # noqa: S608 - ours
            *_span(batch),
            output=collect,
            format="csv",
        )
        return b"".join(parts)

    async def raw_rows(self, batch: BatchRecord) -> Sequence[RawRow]:
        """Return the batch's rows in row order, column by column as texts."""
        texts = ", ".join(f"{name}::text" for name in FIELD_NAMES)
        rows = await self._connection.fetch(
            f"SELECT row_no, {texts} FROM raw.{batch.split} WHERE {_SPAN} ORDER BY row_no",  # noqa: S608 - ours
            *_span(batch),
        )
        return [RawRow(row[0], tuple(row)[1:]) for row in rows]

    async def content(self, batch: BatchRecord) -> tuple[int, str]:
        """Return how many rows of the batch are in the raw table, and their content hash computed in SQL."""
        row = await self._connection.fetchrow(
            f"SELECT count(*), {content_expression()} FROM raw.{batch.split} WHERE {_SPAN}",  # noqa: S608 - ours
            *_span(batch),
        )
        if row is None:
            raise LookupError("an aggregate without groups gives one row")
        return row[0], row[1]

    async def clean_differences(self, batch: BatchRecord, limit: int) -> Sequence[CleanRow]:
        """Return up to `limit` row numbers at which the clean table is not what the raw table gives.

        Of a batch that is not clean, nothing may stand there.
        """
        derived = f"SELECT {clean_select(batch.split)} FROM raw.{batch.split} WHERE {_SPAN}"  # noqa: S608 - ours
        if batch.state != "clean":
            derived += " AND false"
        present = f"SELECT {', '.join(CLEAN_COLUMNS)} FROM clean.{batch.split} WHERE {_SPAN}"  # noqa: S608 - ours
        numbers = await self._connection.fetch(
            f"""
            WITH derived AS MATERIALIZED ({derived}), present AS MATERIALIZED ({present})
            SELECT DISTINCT row_no FROM (
                (TABLE derived EXCEPT ALL TABLE present) UNION ALL (TABLE present EXCEPT ALL TABLE derived)
            ) differing
            ORDER BY row_no LIMIT $4
            """,  # noqa: S608 - the split is one of three literals, the columns are ours
            *_span(batch),
            limit,
        )
        rows = {row["row_no"]: CleanRow(row["row_no"], [], []) for row in numbers}
        for statement, side in ((derived, "derived"), (present, "present")):
            where = f"SELECT * FROM ({statement}) t WHERE row_no = ANY ($4) ORDER BY row_no, encounter_id"  # noqa: S608 - ours
            for record in await self._connection.fetch(where, *_span(batch), list(rows)):
                getattr(rows[record["row_no"]], side).append(tuple(record))
        return list(rows.values())

    async def strays(self, generation: int) -> Sequence[StrayRows]:
        """Return the tables in which rows stand that belong to no batch of this generation, each once."""
        owned = "SELECT FROM ingest.batches b WHERE (b.generation, b.dataset_no, b.split, b.batch)"
        rowwise = f"t.row_no < 0 OR NOT EXISTS ({owned} = ($1, t.dataset_no, {{split}}, t.row_no / {BATCH_ROWS}))"
        chunkwise = f"NOT EXISTS ({owned} = (t.generation, t.dataset_no, t.split, t.batch)) OR t.generation <> $1"
        conditions = {
            **{
                f"{schema}.{split}": rowwise.format(split=f"'{split}'")
                for schema in ("raw", "clean")
                for split in SPLITS
            },
            "ingest.duplicates": rowwise.format(split="t.split"),
            "ingest.quarantine": f"t.generation = $1 AND ({rowwise.format(split='t.split')})",
            "ingest.chunks": chunkwise,
        }
        counts = " UNION ALL ".join(
            f"SELECT '{table}', count(*) FROM {table} t WHERE {condition}"  # noqa: S608 - the statement is ours
            for table, condition in conditions.items()
        )
        rows = await self._connection.fetch(counts, generation)
        return [StrayRows(*row) for row in rows if row[1]]


def _span(batch: BatchRecord) -> tuple[int, int, int]:
    return batch.dataset_no, batch.first_row, batch.last_row


def _batch(row: Record) -> BatchRecord:
    counted = Terms(**{name: row[name] for name in Terms.__struct_fields__})
    names = ("generation", "dataset_no", "split", "batch", "state", "sha256")
    return BatchRecord(**{name: row[name] for name in names}, counted=counted)


def _duplicate(row: Record) -> AsideRow:
    if row["stored"] is not None:
        kept: bytes | None = row["stored"].encode()
    else:
        kept = _fields(row["line"], row["first_dataset_no"], row["first_row_no"])
    return AsideRow(row["row_no"], row["batch"], "duplicate", kept)


def _quarantined(batch: BatchRecord, row: Record) -> AsideRow:
    kept = _fields(row["line"], batch.dataset_no, row["row_no"])
    fault = Fault(row["reason"], row["field"], row["value"])
    return AsideRow(row["row_no"], row["batch"], row["outcome"], kept, fault)


def _fields(line: bytes | None, dataset_no: int, row_no: int) -> bytes | None:
    """Return a chunk line without its dataset and row number, None when these are others."""
    number = b"%d,%d," % (dataset_no, row_no)
    return line.removeprefix(number) if line is not None and line.startswith(number) else None
