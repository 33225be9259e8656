"""Fixtures of the predictor's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from readmit_runtime.settings import ObjectStoreSettings
from support.model_bundles import model_bundle
from support.predictor_process import PredictorWorld


@pytest.fixture
async def world(
    kafka_bootstrap: str, object_store_settings: ObjectStoreSettings, tmp_path: Path
) -> AsyncIterator[PredictorWorld]:
    """A model name that no other test promotes, with two models in the bucket."""
    world = PredictorWorld(kafka_bootstrap, object_store_settings, tmp_path)
    await world.store_bundle(model_bundle(1))
    await world.store_bundle(model_bundle(2))
    yield world
    await world.close()
