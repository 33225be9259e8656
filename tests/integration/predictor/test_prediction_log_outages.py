"""What answers are like while Kafka is away, the spool is full, or its disk fails."""

import asyncio
import resource
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from readmit_cli.stack.programs import KAFKA
from readmit_cli.stack.stack import Stack
from support.model_bundles import model_bundle
from support.prediction_load import Answers, ask, chunks_of, load, shipped
from support.predictor_process import PredictorProcess, PredictorWorld


@pytest.fixture
def kafka_away(stack_infrastructure: Stack):
    """Give a context in which Kafka is stopped."""

    @asynccontextmanager
    async def away() -> AsyncIterator[None]:
        await asyncio.to_thread(stack_infrastructure.supervisor.stop, [KAFKA], timeout_s=60)
        try:
            yield
        finally:
            await asyncio.to_thread(stack_infrastructure.up, {*stack_infrastructure.wanted()})

    return away


async def _metric(predictor: PredictorProcess, name: str) -> float:
    text = (await predictor.client.get("/metrics")).text
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


async def _logged(world: PredictorWorld, *replicas: str) -> list[str]:
    chunks = chunks_of(await shipped(world, replicas))
    return [str(record.prediction_id) for chunk in chunks for record in chunk.records]


async def _spooled_nothing(predictor: PredictorProcess) -> bool:
    return await _metric(predictor, "readmit_predictor_spooled_bytes") == 0


async def test_while_kafka_is_away_answers_go_on_as_before_and_all_are_logged_afterwards(
    world: PredictorWorld, kafka_away
) -> None:
    """An outage of the log's transport is no business of a caller; nor is a kill in the middle of it."""
    before, during = Answers(), Answers()
    await world.promote(model_bundle(1).model_id, 1)
    async with world.predictor() as first, world.predictor() as second:
        await first.serves(1)
        await second.serves(1)
        async with load(first, before, callers=1, pause_s=0.01):
            await asyncio.sleep(2)
        async with kafka_away():
            async with load(first, during, callers=1, pause_s=0.01):
                await asyncio.sleep(6)  # longer than a delivery is waited for
            async with load(second, during, callers=1):
                await asyncio.sleep(1)
                second.process.kill()
                await second.process.wait()
        await first.eventually(lambda: _spooled_nothing(first))
        assert await first.stop() == 0
    logged = await _logged(world, first.replica, second.replica)
    assert before.ids | during.ids <= set(logged)
    assert len(logged) == len(set(logged))
    assert during.refused == []
    assert len(during.ids) > 100
    assert statistics.median(during.seconds) < 3 * statistics.median(before.seconds)
    assert max(during.seconds) < 1.0


@pytest.mark.parametrize(("when_full", "status"), [("drop", 200), ("refuse", 503)])
async def test_a_full_spool_answers_as_it_is_set_and_heals_when_kafka_is_back(
    world: PredictorWorld, kafka_away, when_full: str, status: int
) -> None:
    """Either every answer is on record, or every request is answered; never an error, and never for good."""
    answers = Answers()
    settings = {"PREDICTION_LOG__SPOOL_BYTES": "65536", "PREDICTION_LOG__WHEN_FULL": when_full}
    await world.promote(model_bundle(1).model_id, 1)
    async with world.predictor(**settings) as predictor:
        await predictor.serves(1)
        async with kafka_away():
            statuses = [await ask(predictor, answers) for _ in range(400)]
        assert set(statuses[:100]) == {200}
        assert set(statuses[-100:]) == {status}
        unlogged = await _metric(predictor, "readmit_predictor_unlogged_records_total{")
        assert 150 < unlogged < 300
        await predictor.eventually(lambda: _spooled_nothing(predictor))
        assert await ask(predictor, answers) == 200
        assert await predictor.stop() == 0
    logged = set(await _logged(world, predictor.replica))
    assert len(logged) == 401 - unlogged
    assert len(answers.ids - logged) == (unlogged if when_full == "drop" else 0)


async def test_a_disk_that_fails_for_a_while_costs_only_the_records_of_that_while(world: PredictorWorld) -> None:
    """The operating system refuses bytes in the middle of a record, and takes them again later."""
    answers = Answers()
    limit = 64 * 1024
    await world.promote(model_bundle(1).model_id, 1)
    async with world.predictor(PREDICTION_LOG__FLUSH_INTERVAL_S="60") as predictor:
        await predictor.serves(1)
        pid = predictor.process.pid
        unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, unlimited[1]))
        statuses = [await ask(predictor, answers) for _ in range(400)]
        unlogged = await _metric(predictor, "readmit_predictor_unlogged_records_total{")
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
        statuses += [await ask(predictor, answers) for _ in range(50)]
        assert await predictor.stop() == 0
    assert set(statuses) == {200}
    assert 150 < unlogged < 300
    logged = await _logged(world, predictor.replica)
    assert len(logged) == len(set(logged)) == 450 - unlogged
    assert set(logged) <= answers.ids
    assert b"predictions_not_logged" in predictor.log.read_bytes()
