"""Fixtures of the batch producer's tests."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from readmit_runtime.database import connect, create_pool
from readmit_runtime.settings import PostgresSettings
from support.batch_producer_rig import Rig
from support.skeleton_dataset import write_skeleton


@pytest.fixture
async def rig(
    database_settings: PostgresSettings, service_database: Callable[[str], PostgresSettings], tmp_path: Path
) -> AsyncIterator[Rig]:
    """Give the service's parts on an empty store; the file has 3 batches of train, 1 of validation, none of test."""
    path = write_skeleton(tmp_path / "dataset.csv", train=30_700, validation=1_200)
    admin = await connect(database_settings)
    role = service_database("readmit_batch_producer").model_copy(update={"pool_max": 10})
    try:
        async with create_pool(role) as pool:
            rig = Rig(admin, pool, path)
            await rig.empty()
            yield rig
    finally:
        await admin.close()
