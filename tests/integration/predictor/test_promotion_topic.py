"""Promotions from a real topic, written in odd orders."""

import asyncio
import random
from pathlib import Path

import pytest
from predictor.metrics import PredictorMetrics
from predictor.promotions import Promotions
from prometheus_client import CollectorRegistry
from readmit_contracts.events import ModelPromoted
from readmit_contracts.topics import MODELS_PROMOTED
from readmit_runtime.kafka_topic_reader import KafkaTopicReader
from readmit_runtime.settings import KafkaSettings, ObjectStoreSettings
from support.model_bundles import promotion
from support.predictor_process import PredictorWorld


@pytest.mark.parametrize("seed", range(5))
async def test_any_order_with_duplicates_ends_at_the_highest_epoch(
    kafka_bootstrap: str, object_store_settings: ObjectStoreSettings, tmp_path: Path, seed: int
) -> None:
    """A process that follows the topic while it is written and one that starts later must agree."""
    chance = random.Random(seed)  # noqa: S311 - a test's order
    epochs = [*chance.choices(range(1, 6), k=9), 5]
    chance.shuffle(epochs)
    kafka = KafkaSettings(bootstrap_servers=kafka_bootstrap)
    world = PredictorWorld(kafka_bootstrap, object_store_settings, tmp_path)
    stop = asyncio.Event()

    def follow() -> tuple[Promotions, "asyncio.Task[None]"]:
        promotions = Promotions(world.model, held=lambda: None, metrics=PredictorMetrics(CollectorRegistry()))
        reader = KafkaTopicReader(kafka, MODELS_PROMOTED.name, client_id="tests")
        return promotions, asyncio.create_task(promotions.run(lambda: reader, stop))

    early, following = follow()
    for epoch in epochs:
        await world.promote(f"{epoch:x}" * 64, epoch)
    late, following_late = follow()
    expected = promotion("5" * 64, 5, name=world.model, lineage=world.lineage)
    try:
        assert await _settled(late, stop) == expected
        async with asyncio.timeout(30):
            while early.wanted is None or early.wanted.promotion != expected:
                await asyncio.sleep(0.05)
    finally:
        stop.set()
        await asyncio.gather(following, following_late)
        await world.close()


async def _settled(promotions: Promotions, stop: asyncio.Event) -> ModelPromoted | None:
    async with asyncio.timeout(30):
        wanted = await promotions.next_after(None, stop)
    return None if wanted is None else wanted.promotion
