import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from readmit_runtime.settings import ObjectStoreSettings
from support.predictor_process import PredictorProcess, PredictorWorld, new_key

REVOKED_WITHIN_S = 10.0


@pytest.fixture
async def world(
    kafka_bootstrap: str, object_store_settings: ObjectStoreSettings, tmp_path: Path
) -> AsyncIterator[PredictorWorld]:
    """A model name that nobody promotes: what a key opens is a 503 for want of a model."""
    world = PredictorWorld(kafka_bootstrap, object_store_settings, tmp_path)
    yield world
    await world.close()


async def _status(predictor: PredictorProcess, key: str) -> int:
    response = await predictor.client.get("/v1/model", headers={"authorization": f"Bearer {key}"})
    return response.status_code


async def test_a_key_works_soon_after_it_was_made_and_no_longer_soon_after_it_was_revoked(
    world: PredictorWorld,
) -> None:
    """A key that leaked is open for seconds, not until somebody restarts the predictors."""
    key = new_key()
    async with world.predictor() as predictor:
        await predictor.answers_with("/v1/model", 503, "NO_MODEL")
        assert await _status(predictor, key) == 401
        await world.grant(key)
        await predictor.eventually(lambda: _is(predictor, key, 503))
        await world.revoke(key)
        began = time.monotonic()
        await predictor.eventually(lambda: _is(predictor, key, 401))
        assert time.monotonic() - began < REVOKED_WITHIN_S
        await predictor.answers_with("/v1/model", 503, "NO_MODEL")


async def _is(predictor: PredictorProcess, key: str, status: int) -> bool:
    return await _status(predictor, key) == status


async def test_a_new_process_checks_keys_while_kafka_is_away(world: PredictorWorld, tmp_path: Path) -> None:
    """It knows them from the process before; without that it can only ask for patience."""
    file = str(tmp_path / "kept" / "keys.json")
    async with world.predictor(KEYS__FILE=file) as predictor:
        await predictor.answers_with("/v1/model", 503, "NO_MODEL")
        assert await predictor.stop() == 0
    nowhere = "127.0.0.1:1"
    async with world.predictor(KEYS__FILE=file, KAFKA__BOOTSTRAP_SERVERS=nowhere) as predictor:
        await predictor.answers_with("/v1/model", 503, "NO_MODEL")
        assert await _status(predictor, new_key()) == 401
    async with world.predictor(KAFKA__BOOTSTRAP_SERVERS=nowhere) as predictor:
        await predictor.answers_with("/v1/model", 503, "KEYS_UNKNOWN")
        assert (await predictor.client.get("/health/live")).status_code == 200
