import asyncio

from readmit_contracts.bundle import MODEL_FILE, bundle_key
from readmit_contracts.events import ModelLoaded, ModelLoadFailed, PredictionRecord, PredictionsMade, ReplicaReported
from readmit_contracts.predictions import example_encounter
from readmit_contracts.topics import MODELS_LOADED, PREDICTIONS
from support.cohort import cohort
from support.model_bundles import model_bundle, offline_probabilities, request_of
from support.predictor_process import PredictorProcess, PredictorWorld


async def _predict(predictor: PredictorProcess, rows: list[dict[str, str]]) -> list[dict]:
    answers = [await predictor.client.post("/v1/predict", json=request_of(row)) for row in rows]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.json() for answer in answers]


async def _recorded(world: PredictorWorld, predictor: PredictorProcess) -> dict[str, PredictionRecord]:
    chunks = await world.messages(PREDICTIONS, PredictionsMade)
    ours = [chunk for chunk in chunks if chunk.replica == predictor.replica]
    return {str(record.prediction_id): record for chunk in ours for record in chunk.records}


async def test_from_a_promotion_to_a_recorded_prediction(world: PredictorWorld) -> None:
    """The whole way of a model into service and of an answer into the record, on real servers."""
    rows = cohort(50, seed=3)
    async with world.predictor() as predictor:
        await predictor.eventually(lambda: _is(predictor, "/health/live", 200))
        assert await _is(predictor, "/health/ready", 503)
        await world.promote(model_bundle(1).model_id, 1)
        await predictor.serves(1)
        assert await _is(predictor, "/health/ready", 200)
        answers = await _predict(predictor, rows)
        await predictor.eventually(lambda: _has_reported(world, predictor, "serving"))
        assert await predictor.stop() == 0
    assert [answer["probability"] for answer in answers] == offline_probabilities(model_bundle(1), rows)
    recorded = await _recorded(world, predictor)
    assert {key: record.probability for key, record in recorded.items()} == {
        answer["prediction_id"]: answer["probability"] for answer in answers
    }
    (loaded,) = [
        event for event in await world.messages(MODELS_LOADED, ModelLoaded) if event.replica == predictor.replica
    ]
    assert (loaded.epoch, loaded.model_id) == (1, model_bundle(1).model_id)
    reports = await _reports(world, predictor)
    assert (reports[0].status, reports[-1].status) == ("waiting", "stopping")


async def _reports(world: PredictorWorld, predictor: PredictorProcess) -> list[ReplicaReported]:
    reports = await world.messages(MODELS_LOADED, ReplicaReported)
    return [report for report in reports if report.replica == predictor.replica]


async def _has_reported(world: PredictorWorld, predictor: PredictorProcess, status: str) -> bool:
    return any(report.status == status for report in await _reports(world, predictor))


async def _is(predictor: PredictorProcess, path: str, status: int) -> bool:
    return (await predictor.client.get(path)).status_code == status


async def test_models_change_under_load_without_a_failed_or_a_wrong_answer(world: PredictorWorld) -> None:
    """Each answer is right by the model that it names, and epochs never go back."""
    rows = cohort(40, seed=4)
    expected = {bundle.model_id: offline_probabilities(bundle, rows) for bundle in (model_bundle(1), model_bundle(2))}
    epochs: list[int] = []

    async def load(predictor: PredictorProcess, done: asyncio.Event) -> None:
        while not done.is_set():
            for number, answer in enumerate(await _predict(predictor, rows)):
                assert answer["probability"] == expected[answer["model"]["model_id"]][number]
                epochs.append(answer["model"]["epoch"])

    async with world.predictor() as predictor:
        await world.promote(model_bundle(1).model_id, 1)
        await predictor.serves(1)
        done = asyncio.Event()
        loading = asyncio.create_task(load(predictor, done))
        for epoch in range(2, 12):
            await world.promote(model_bundle(1 + epoch % 2).model_id, epoch)
            await predictor.serves(epoch)
        done.set()
        await loading
        assert await predictor.stop() == 0
    assert epochs == sorted(epochs)
    assert len(set(epochs)) > 2
    assert len(await _recorded(world, predictor)) == len(epochs)


async def test_a_damaged_bundle_in_the_bucket_is_refused_and_the_old_model_serves_on(world: PredictorWorld) -> None:
    """The bucket is shared; what lies under a model's key proves itself or is not used."""
    damaged = model_bundle(5)
    objects = damaged.objects()
    key = bundle_key(damaged.model_id, MODEL_FILE)
    objects[key] = objects[key].replace(b"leaf_value=0", b"leaf_value=1", 1)
    assert objects[key] != damaged.objects()[key]
    for name, content in objects.items():
        await world.store.put_if_absent(name, content)
    async with world.predictor() as predictor:
        await world.promote(model_bundle(1).model_id, 1)
        await predictor.serves(1)
        await world.promote(damaged.model_id, 2)

        async def refused() -> bool:
            events = await world.messages(MODELS_LOADED, ModelLoadFailed)
            return any(event.replica == predictor.replica and event.reason == "BUNDLE_SHA256" for event in events)

        await predictor.eventually(refused)
        await predictor.serves(1)
        await world.promote(model_bundle(2).model_id, 3)
        await predictor.serves(3)


async def test_a_second_replica_starts_with_the_champion_alone(world: PredictorWorld) -> None:
    """A replica added later reads the same topic and must agree with those that were there."""
    await world.promote("ab" * 32, 1)
    await world.promote(model_bundle(1).model_id, 2)
    async with world.predictor() as first, world.predictor() as second:
        await first.serves(2)
        await second.serves(2)
        probabilities = [
            (await predictor.client.post("/v1/predict", json=example_encounter())).json()["probability"]
            for predictor in (first, second)
        ]
        assert probabilities[0] == probabilities[1]
