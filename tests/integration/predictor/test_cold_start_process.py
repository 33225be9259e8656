"""A predictor that starts while everything else is away."""

import os
import sys
from pathlib import Path

from readmit_contracts.predictions import example_encounter
from support.model_bundles import model_bundle
from support.predictor_process import PredictorProcess, PredictorWorld, free_port

START_CPU_S = 2.0  # of all its processes; a clock on the wall would measure what else the machine does


def _kept(folder: Path) -> dict[str, str]:
    return {"LOAD__CACHE": str(folder / "models"), "KEYS__FILE": str(folder / "keys.json")}


def _away() -> dict[str, str]:
    nowhere = f"127.0.0.1:{free_port()}"
    return {"KAFKA__BOOTSTRAP_SERVERS": nowhere, "OBJECT_STORE__ENDPOINT": nowhere}


async def _serve_and_stop(world: PredictorWorld, folder: Path, epoch: int) -> float:
    """Let a predictor serve the first model and keep it; give its answer."""
    async with world.predictor(**_kept(folder)) as predictor:
        await world.promote(model_bundle(1).model_id, epoch)
        await predictor.serves(epoch)
        answer = await _probability(predictor)

        async def kept() -> bool:
            return bool(list((folder / "models").glob("*.model"))) and (folder / "keys.json").exists()

        await predictor.eventually(kept)
        assert await predictor.stop() == 0
    return answer


async def _probability(predictor: PredictorProcess) -> float:
    response = await predictor.client.post("/v1/predict", json=example_encounter())
    probability: float = response.json()["probability"]
    return probability


def _cpu_s(process: int) -> float:
    """Give the CPU time of a process and of its children that ended, in seconds."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


async def test_without_kafka_and_object_store_the_kept_model_answers_and_says_so(
    world: PredictorWorld, tmp_path: Path
) -> None:
    """A restart in the middle of an outage must not become an outage of predictions."""
    answer = await _serve_and_stop(world, tmp_path, 5)
    async with world.predictor(**_kept(tmp_path), **_away()) as predictor:
        await predictor.answers("/health/ready", 200)
        if sys.platform == "linux":
            assert _cpu_s(predictor.process.pid) < START_CPU_S
        assert await _probability(predictor) == answer
        told = (await predictor.client.get("/v1/model")).json()
        assert (told["epoch"], told["confirmed"]) == (5, False)
        assert "readmit_predictor_unconfirmed_models 1.0" in (await predictor.client.get("/metrics")).text
        assert await predictor.stop() == 0


async def test_the_topic_confirms_the_kept_model_or_brings_its_successor(world: PredictorWorld, tmp_path: Path) -> None:
    """What the process started with is a guess until Kafka says more."""
    await _serve_and_stop(world, tmp_path, 5)
    async with world.predictor(**_kept(tmp_path)) as predictor:
        await predictor.serves(5)

        async def confirmed() -> bool:
            return (await predictor.client.get("/v1/model")).json()["confirmed"] is True

        await predictor.eventually(confirmed)
        await world.promote(model_bundle(2).model_id, 4)
        await world.promote(model_bundle(2).model_id, 6)
        await predictor.serves(6)
        await predictor.eventually(confirmed)
        assert await predictor.stop() == 0
    assert len(list((tmp_path / "models").glob("*.model"))) == 2


async def test_a_damaged_cache_costs_a_download(world: PredictorWorld, tmp_path: Path) -> None:
    """What was kept proves itself or is thrown away."""
    await _serve_and_stop(world, tmp_path, 5)
    (kept,) = (tmp_path / "models").glob("*.model")
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    async with world.predictor(**_kept(tmp_path), OBJECT_STORE__ENDPOINT=f"127.0.0.1:{free_port()}") as predictor:
        await predictor.answers("/health/live", 200)

        async def discarded() -> bool:
            text = (await predictor.client.get("/metrics")).text
            return 'readmit_predictor_discarded_models_total{reason="BUNDLE_SHA256"} 1.0' in text

        await predictor.eventually(discarded)
        assert (await predictor.client.get("/health/ready")).status_code == 503
        assert not list((tmp_path / "models").glob("*.model"))
    async with world.predictor(**_kept(tmp_path)) as predictor:
        await predictor.serves(5)


async def test_without_anything_kept_it_lives_and_waits(world: PredictorWorld, tmp_path: Path) -> None:
    """A crash for want of a model would only be repeated."""
    async with world.predictor(**_kept(tmp_path), **_away()) as predictor:
        await predictor.answers("/health/live", 200)
        response = await predictor.client.get("/health/ready")
        assert response.status_code == 503
        assert await predictor.stop() == 0
