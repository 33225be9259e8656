"""Plan and store small datasets in a real database, as the services do, and count what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from batch_producer.dataset_file import DatasetFile
from batch_producer.planning.start import StartIngestionHandler
from ingestor.chunks.handler import read
from ingestor.chunks.outcome import GroupOutcome
from ingestor.chunks.store import store_group
from ingestor.cleaning.rebuild import rebuild_clean
from ingestor.cleaning.store import clean_next
from readmit_contracts.columns import FILE_HEADER
from readmit_contracts.commands import RebuildClean, StartIngestion
from readmit_contracts.envelope import Envelope
from readmit_contracts.source import SPLITS, SourceFile
from readmit_runtime.commands import CommandHandler
from readmit_runtime.database import connect, create_pool
from readmit_runtime.dead_letters import DeadLetterLimit
from readmit_runtime.messages import IncomingRecord
from support.command_records import command_record
from support.encounters import all_chunks, delivered, encounter

EVERYTHING = dict.fromkeys(SPLITS, "all")


class PlannedStore:
    """A planned store and the ingestor's way into it."""

    def __init__(self, admin, settings, tmp_path) -> None:
        self.admin = admin
        self.settings = settings
        self._tmp_path = tmp_path

    async def plan(self, source: SourceFile, lines: Sequence[str]) -> UUID:
        """Plan a run over all of a dataset, as the batch producer does; give its id."""
        path = self._tmp_path / f"{source.sha256}.csv"
        path.write_bytes(source_bytes(lines))
        envelope = Envelope(id=uuid4(), type="readmit.StartIngestion.v1", source="/test")
        handler = StartIngestionHandler(DatasetFile(path))
        async with self.admin.transaction():
            await self.admin.execute(
                "INSERT INTO ingest.inbox (consumer, command_id, command_type, value_sha256, outcome) "
                "VALUES ('batch_producer', $1, 'x', 'x', 'accepted')",
                envelope.id,
            )
            outcome = await handler(self.admin, envelope, StartIngestion(batches=EVERYTHING, then="nothing"))
        return UUID(outcome.subject)

    async def store(self, records: Sequence[IncomingRecord], limit: int = 50) -> GroupOutcome:
        """Store a group on a connection of its own."""
        connection = await connect(self.settings)
        try:
            return await store_group(connection, *read(records), DeadLetterLimit(limit))
        finally:
            await connection.close()

    async def clean(self) -> int:
        """Clean until nothing is stored; give the number of batches."""
        connection = await connect(self.settings)
        try:
            cleaned = 0
            while await clean_next(connection) is not None:
                cleaned += 1
            return cleaned
        finally:
            await connection.close()

    async def rebuild(self, *, command_id: UUID | None = None, offset: int = 0) -> Mapping[str, Any]:
        """Handle a RebuildClean as the ingestor does, and give its inbox row."""
        command_id = command_id or uuid4()
        record = command_record(RebuildClean(reason="a test", actor="tester"), command_id)
        await self.command(replace(record, offset=offset))
        return dict(await self.admin.fetchrow("SELECT * FROM ingest.inbox WHERE command_id = $1", command_id))

    async def command(self, record: IncomingRecord) -> None:
        """Handle a record of the topic of commands as the ingestor does."""
        async with create_pool(self.settings) as pool:
            handlers = {RebuildClean: rebuild_clean}
            limit = DeadLetterLimit(50)
            await CommandHandler(pool, "ingest", "ingestor", handlers, limit=limit, wake=lambda: None)([record])

    async def rows(self, table: str) -> int:
        """Count the rows of a table, or of a schema's three split tables."""
        tables = [table] if "." in table else [f"{table}.{split}" for split in SPLITS]
        return sum([await self.admin.fetchval(f"SELECT count(*) FROM {name}") for name in tables])

    async def totals(self) -> dict[str, int]:
        """Sum the batches' counts."""
        row = await self.admin.fetchrow(
            "SELECT sum(published) AS published, sum(stored) AS stored, sum(duplicate) AS duplicate, "
            "sum(quarantined) AS quarantined FROM ingest.batches"
        )
        return {name: int(value) for name, value in row.items()}

    async def events(self, name: str) -> int:
        """Count the announced events of one type."""
        return await self.admin.fetchval(
            "SELECT count(*) FROM ingest.outbox WHERE $1::bytea = ANY (header_values)", f"readmit.{name}.v1".encode()
        )

    async def state(self, run_id: UUID) -> str:
        """Give a run's state."""
        return await self.admin.fetchval("SELECT state FROM ingest.runs WHERE run_id = $1", run_id)


def source_bytes(lines: Sequence[str]) -> bytes:
    """Give the bytes of the file that `source_file` parses."""
    return "\r\n".join([FILE_HEADER, *lines, ""]).encode(errors="surrogateescape")


def lines_of(rows: int, **changes: dict[int, dict[str, str]]) -> list[str]:
    """Give `rows` lines; `at` names the values to change by position in the file."""
    at = changes.get("at", {})
    return [encounter(1 + row, **at.get(row, {})) for row in range(rows)]


def records(source: SourceFile, dataset_no: int = 1, generation: int = 1) -> list[IncomingRecord]:
    """Give every chunk of the file as delivered."""
    every = all_chunks(source, dataset_no, generation=generation)
    return [delivered(chunk, offset=offset) for offset, chunk in enumerate(every)]
