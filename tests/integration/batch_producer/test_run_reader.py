"""The API's reader against the real ledger."""

from datetime import timedelta
from uuid import UUID

import pytest
from batch_producer.api.run_store import PostgresRunReader
from support.batch_producer_rig import CONSUMER, Rig
from support.fake_run_reader import DATASET_ID, START, BatchOfRun, RunOfTest
from support.run_reader_contract import RunReaderContract


class ArrangedLedger:
    """Puts rows into the ledger as the services would."""

    def __init__(self, rig: Rig) -> None:
        self._admin = rig.admin
        self.reader = PostgresRunReader(rig.pool, consumer=CONSUMER)

    async def add_dataset(self) -> None:
        """Let the runs have a dataset."""
        await self._admin.execute(
            "INSERT INTO ingest.datasets (dataset_id, file_sha256, rows) VALUES ($1, repeat('0', 64), 1)", DATASET_ID
        )

    async def add_run(self, run: RunOfTest) -> None:
        """Insert a run, and those of its batches that are not there yet."""
        planned_at = START + timedelta(seconds=run.planned_s)
        await self._admin.execute(
            "INSERT INTO ingest.runs (run_id, command_id, generation, dataset_no, requested, then_do, state, reason, "
            "detail, planned_at, finished_at) "
            """VALUES ($1, $2, 1, 1, '{"validation": "all"}', 'nothing', $3, $4, $5, $6, $7)""",
            run.run_id,
            run.command_id,
            run.state,
            run.reason,
            run.detail,
            planned_at,
            planned_at if run.finished else None,
        )
        for batch in run.batches:
            await self._add_batch(batch)
            await self._admin.execute(
                "INSERT INTO ingest.run_batches (run_id, generation, dataset_no, split, batch) "
                "VALUES ($1, 1, 1, $2, $3)",
                run.run_id,
                batch.split,
                batch.batch,
            )

    async def _add_batch(self, batch: BatchOfRun) -> None:
        await self._admin.execute(
            "INSERT INTO ingest.batches (generation, dataset_no, split, batch, planned_rows, state, published, stored, "
            "quarantined, failed_reason, failed_detail, sha256) "
            "VALUES (1, 1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
            batch.split,
            batch.batch,
            batch.planned,
            batch.state,
            batch.published,
            batch.published - batch.quarantined,
            batch.quarantined,
            batch.reason,
            batch.detail,
            "0" * 64 if batch.state == "clean" else None,
        )

    async def add_command(self, command_id: UUID, outcome: str, *, reason: str | None = None) -> None:
        """Insert an inbox row."""
        await self._admin.execute(
            "INSERT INTO ingest.inbox (consumer, command_id, command_type, value_sha256, outcome, reason) "
            "VALUES ($1, $2, 'readmit.StartIngestion.v1', 'x', $3, $4)",
            CONSUMER,
            command_id,
            outcome,
            reason,
        )


class TestPostgresRunReader(RunReaderContract):
    @pytest.fixture
    async def arranged(self, rig: Rig) -> ArrangedLedger:
        """Give an empty ledger that knows a dataset."""
        ledger = ArrangedLedger(rig)
        await ledger.add_dataset()
        return ledger
