"""Replicas killed while they answer, and an account of every answer afterwards."""

import asyncio
import os
import random
from collections.abc import Callable

import pytest
from readmit_runtime.settings import PostgresSettings
from support.model_bundles import model_bundle
from support.prediction_load import Answers, chunks_of, load, shipped, stored
from support.predictor_process import PredictorWorld

KILLS = int(os.environ.get("READMIT_KILLS", "10"))
SEED = int(os.environ.get("READMIT_SEED", "1"))


@pytest.mark.timeout(120 + 20 * KILLS)
async def test_every_answer_is_logged_once_however_often_replicas_are_killed(
    world: PredictorWorld,
    database_settings: PostgresSettings,
    service_database: Callable[[str], PostgresSettings],
) -> None:
    """Who got an answer finds it on record: the log is written before the answer, and outlives its process."""
    chance, answers = random.Random(SEED), Answers()  # noqa: S311 - it only chooses moments
    await world.promote(model_bundle(1).model_id, 1)
    async with world.predictor() as neighbour:
        await neighbour.serves(1)
        replicas = [neighbour.replica]
        async with load(neighbour, answers, callers=1, pause_s=0.02):
            for _ in range(KILLS):
                replicas.append(await _killed_under_load(world, answers, after_s=chance.uniform(0.1, 1.5)))
            await neighbour.eventually(lambda: _only(world, neighbour.replica))
            neighbour.process.kill()
            await neighbour.process.wait()
    async with world.predictor() as last:
        replicas.append(last.replica)
        await last.serves(1)
        await last.eventually(lambda: _only(world, last.replica))
        assert await last.stop() == 0
    assert list(world.spool.iterdir()) == []

    records = await shipped(world, replicas)
    chunks = chunks_of(records)
    logged = [str(record.prediction_id) for chunk in chunks for record in chunk.records]
    assert len(logged) == len(set(logged))
    assert answers.ids <= set(logged)
    assert len({chunk.replica for chunk in chunks}) == KILLS + 1
    in_table = await stored(records, service_database("readmit_ingestor"), database_settings)
    assert sorted(in_table) == sorted(logged)
    assert answers.refused == []
    print(  # noqa: T201 - the figures of a run
        f"{KILLS} kills with seed {SEED}: {len(answers.ids)} answers, {len(logged)} logged, "
        f"{len(records)} deliveries of {len(chunks)} chunks"
    )


async def _killed_under_load(world: PredictorWorld, answers: Answers, *, after_s: float) -> str:
    async with world.predictor() as victim:
        await victim.serves(1)
        own = Answers()
        async with load(victim, own):
            await victim.eventually(lambda: _any(own))
            await asyncio.sleep(after_s)
            victim.process.kill()
            await victim.process.wait()
        answers.ids |= own.ids
        answers.refused += own.refused
        return victim.replica


async def _any(answers: Answers) -> bool:
    return bool(answers.ids)


async def _only(world: PredictorWorld, replica: str) -> bool:
    return [path.name.partition("@")[0] for path in world.spool.iterdir()] == [replica]
