"""Fixtures of the ingestor's tests."""

from collections.abc import AsyncIterator

import pytest
from readmit_runtime.database import connect
from support.planned_store import PlannedStore


@pytest.fixture
async def store(database_settings, service_database, tmp_path) -> AsyncIterator[PlannedStore]:
    """Give an empty store; the ingestor's part is done in its own role."""
    admin = await connect(database_settings)
    await admin.execute(
        "TRUNCATE raw.train, raw.validation, raw.test, clean.train, clean.validation, clean.test, ingest.chunks, "
        "ingest.batches, ingest.runs, ingest.run_batches, ingest.datasets, ingest.planned_chunks, ingest.quarantine, "
        "ingest.duplicates, ingest.outbox, ingest.inbox, ingest.decisions, raw.superseded RESTART IDENTITY"
    )
    await admin.execute("UPDATE ingest.store SET generation = 1")
    try:
        yield PlannedStore(admin, service_database("readmit_ingestor"), tmp_path)
    finally:
        await admin.close()
