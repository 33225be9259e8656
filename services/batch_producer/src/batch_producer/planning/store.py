"""Write the plan: dataset, chunks and runs. Every call is part of a transaction that holds the store's lock."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from readmit_contracts.commands import StartIngestion
from readmit_contracts.source import SPLITS, SourceFile, Split
from readmit_runtime import trace_context
from readmit_runtime.database import Connection

from batch_producer.planning.chunk_plan import PlannedChunk
from batch_producer.planning.selection import BatchStatus, Selected, Store


async def dataset_no(connection: Connection, dataset_id: UUID) -> int | None:
    """Return the number of a planned dataset, None before its first plan."""
    number: int | None = await connection.fetchval(
        "SELECT dataset_no FROM ingest.datasets WHERE dataset_id = $1", dataset_id
    )
    return number


async def add_dataset(connection: Connection, source: SourceFile) -> int:
    """Enter a dataset and return the number that its rows carry."""
    number: int = await connection.fetchval(
        "INSERT INTO ingest.datasets (dataset_id, file_sha256, rows) VALUES ($1, $2, $3) RETURNING dataset_no",
        source.dataset_id,
        source.sha256,
        sum(source.rows(split) for split in SPLITS),
    )
    return number


async def add_chunks(connection: Connection, number: int, chunks: Sequence[PlannedChunk]) -> None:
    """Enter every chunk of a dataset: from then on the plan is complete, for this and every later generation."""
    await connection.execute(
        """
        INSERT INTO ingest.planned_chunks (dataset_no, split, batch, chunk, first_row, rows, sha256)
        SELECT $1, k.* FROM unnest($2::text[], $3::integer[], $4::integer[], $5::integer[], $6::integer[], $7::text[])
            AS k (split, batch, chunk, first_row, rows, sha256)
        """,
        number,
        [chunk.split for chunk in chunks],
        [chunk.batch for chunk in chunks],
        [chunk.chunk for chunk in chunks],
        [chunk.first_row for chunk in chunks],
        [chunk.rows for chunk in chunks],
        [chunk.sha256 for chunk in chunks],
    )


async def batches(connection: Connection, generation: int, number: int) -> Store:
    """Return what has become of each batch of a dataset in this generation."""
    rows = await connection.fetch(
        """
        SELECT b.split, b.batch, b.planned_rows, b.state, EXISTS (
            SELECT FROM ingest.run_batches w JOIN ingest.runs r USING (run_id)
            WHERE (w.generation, w.dataset_no, w.split, w.batch) = (b.generation, b.dataset_no, b.split, b.batch)
              AND r.state IN ('planned', 'streaming')) AS wanted
        FROM ingest.batches b
        WHERE b.generation = $1 AND b.dataset_no = $2
        ORDER BY b.split, b.batch
        """,
        generation,
        number,
    )
    store: dict[Split, list[BatchStatus]] = {split: [] for split in SPLITS}
    for row in rows:
        store[row["split"]].append(
            BatchStatus(batch=row["batch"], rows=row["planned_rows"], state=row["state"], wanted=row["wanted"])
        )
    return store


async def add_run(
    connection: Connection,
    run_id: UUID,
    *,
    command_id: UUID,
    generation: int,
    number: int,
    command: StartIngestion,
    selected: Selected,
) -> None:
    """Enter a run, as planned, and the batches it wants; it goes on in the current trace."""
    await connection.execute(
        """
        INSERT INTO ingest.runs (run_id, command_id, generation, dataset_no, requested, then_do, traceparent)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        run_id,
        command_id,
        generation,
        number,
        msgspec.json.encode(command.batches, order="deterministic").decode(),
        command.then,
        trace_context.current(),
    )
    wanted = [(split, batch) for split, of_split in selected.items() for batch in of_split]
    await connection.execute(
        """
        INSERT INTO ingest.run_batches (run_id, generation, dataset_no, split, batch)
        SELECT $1, $2, $3, k.* FROM unnest($4::text[], $5::integer[]) AS k (split, batch)
        """,
        run_id,
        generation,
        number,
        [split for split, _ in wanted],
        [batch for _, batch in wanted],
    )
