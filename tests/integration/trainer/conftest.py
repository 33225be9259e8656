"""Fixtures of the trainer's tests."""

from collections.abc import AsyncIterator

import pytest
from readmit_runtime.database import connect, create_pool
from support.planned_store import PlannedStore
from support.trainer_rig import TrainerRig, cohort_lines


@pytest.fixture
async def empty_rig(database_settings, service_database, object_store_settings, tmp_path) -> AsyncIterator[TrainerRig]:
    """Give the trainer's parts, in its own role, over an empty store."""
    admin = await connect(database_settings)
    await admin.execute(
        "TRUNCATE raw.train, raw.validation, raw.test, clean.train, clean.validation, clean.test, ingest.chunks, "
        "ingest.batches, ingest.runs, ingest.run_batches, ingest.datasets, ingest.planned_chunks, ingest.quarantine, "
        "ingest.duplicates, ingest.outbox, ingest.inbox, ingest.decisions, raw.superseded RESTART IDENTITY"
    )
    await admin.execute("UPDATE ingest.store SET generation = 1")
    store = PlannedStore(admin, service_database("readmit_ingestor"), tmp_path)
    role = service_database("readmit_trainer").model_copy(update={"pool_max": 10})
    try:
        async with create_pool(role) as pool:
            rig = TrainerRig(admin, pool, object_store_settings, store, tmp_path / "scratch")
            rig.scratch.prepare()
            await rig.empty()
            yield rig
    finally:
        await admin.close()


@pytest.fixture
async def rig(empty_rig: TrainerRig) -> TrainerRig:
    """Give the trainer's parts over a store of 2,000 clean encounters."""
    await empty_rig.ingest(cohort_lines(2000))
    return empty_rig
