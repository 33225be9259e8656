"""MLflow shows what Postgres decided, and its alias is a way to ask; against a real MLflow."""

import httpx
import msgspec
import pytest
from readmit_contracts.commands import TrainModel
from readmit_runtime.errors import Transient
from readmit_runtime.testing.fake_object_store import FakeObjectStore
from support.small_fit import SMALL
from trainer.alias.reconciler import PUT_BACK_TAG
from trainer.fit_files import METRICS_FILE

OTHER = msgspec.structs.replace(SMALL, name="other", seed=5)
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
async def shown(rig, mlflow_uri):
    """Give a rig with two trained models in MLflow, of which the first is the champion under epoch 1."""
    server = rig.server(mlflow_uri)
    await rig.send(TrainModel(model=rig.name))
    assert await rig.work()
    await rig.promote()
    await rig.send(TrainModel(model=rig.name, then="train"), recipe=OTHER)
    assert await rig.work(recipe=OTHER)
    await rig.projector(server).turn()
    await rig.alias(server).turn()
    return rig, server


async def _versions(rig) -> list[tuple[str, str]]:
    rows = await rig.admin.fetch("SELECT mlflow_version, model_id FROM training.models ORDER BY trained_at")
    return [(row["mlflow_version"], row["model_id"]) for row in rows]


async def test_models_are_registered_once_and_moving_the_alias_to_an_earlier_champion_rolls_back(shown):
    """MLflow's page is where people look, and where they change what serves: on record like any other change."""
    rig, server = shown
    (first, first_id), (second, second_id) = await _versions(rig)
    assert (first, second) == ("1", "2")
    assert await server.model_id_of(rig.name, second) == second_id
    assert await server.aliased_version(rig.name) == first
    await rig.admin.execute("UPDATE training.models SET mlflow_version = NULL, mlflow_run_id = NULL")
    await rig.projector(server).turn()  # as after a kill between the version and its note
    assert await _versions(rig) == [(first, first_id), (second, second_id)]

    await rig.crown(second_id, epoch=2)
    await rig.alias(server).turn()
    assert await server.aliased_version(rig.name) == second
    await server.set_alias(rig.name, first)
    for _ in range(2):
        await rig.alias(server).turn()
    assert await rig.take_commands() == 1
    await rig.promote()
    for _ in range(2):
        await rig.alias(server).turn()
    assert await rig.take_commands() == 0
    assert await rig.history() == [(1, "promotion", first_id), (2, "promotion", second_id), (3, "rollback", first_id)]
    assert await rig.admin.fetchval("SELECT actor FROM training.promotions WHERE epoch = 3") == "mlflow"
    assert await server.aliased_version(rig.name) == first


async def test_an_alias_that_nothing_may_follow_is_put_back_with_a_reason(shown, mlflow_uri):
    """What MLflow calls champion is what serves: not a version without a model, nor none, nor a refused one."""
    rig, server = shown
    (first, first_id), (second, _) = await _versions(rig)
    await server.delete_alias(rig.name)
    await rig.alias(server).turn()
    assert await server.aliased_version(rig.name) == first

    fields = {"name": rig.name, "source": "s3://elsewhere/model"}
    async with httpx.AsyncClient(base_url=mlflow_uri) as client:
        await client.post("/api/2.0/mlflow/model-versions/create", json=fields)
    await server.set_alias(rig.name, "3")
    await rig.alias(server).turn()
    assert await server.aliased_version(rig.name) == first
    assert "names no model" in (await server.version_tags(rig.name, "3"))[PUT_BACK_TAG]

    await rig.replica_lives(feature_versions=(99,))
    await server.set_alias(rig.name, second)
    await rig.alias(server).turn()
    assert await rig.take_commands() == 1
    await rig.promote()
    await rig.alias(server).turn()
    assert await rig.history() == [(1, "promotion", first_id)]
    assert await server.aliased_version(rig.name) == first
    assert "did not let the model through" in (await server.version_tags(rig.name, second))[PUT_BACK_TAG]


async def test_an_alias_that_was_put_back_can_be_moved_again(shown):
    """What stood in the way may be gone; the old refusal must not answer for ever."""
    rig, server = shown
    (first, _), (second, _) = await _versions(rig)
    await rig.replica_lives(feature_versions=(99,))
    for _ in range(2):
        await server.set_alias(rig.name, second)
        await rig.alias(server).turn()
        assert await rig.take_commands() == 1
        await rig.promote()
        await rig.alias(server).turn()
        assert await server.aliased_version(rig.name) == first


async def test_evidence_that_cannot_be_read_keeps_no_model_from_being_shown(rig, mlflow_uri):
    """It is the one thing that the projection reads unchecked; a damaged one must not end the trainer."""
    await rig.send(TrainModel(model=rig.name, then="train"))
    assert await rig.work()
    damaged = FakeObjectStore()
    for entry in await rig.objects.list("models/"):
        damaged.objects[entry.key] = await rig.objects.get(entry.key, max_bytes=entry.size)
    damaged.objects[f"{(await rig.job())['evidence_key']}/{METRICS_FILE}"] = b"{"
    rig.objects = damaged
    await rig.projector(rig.server(mlflow_uri)).turn()
    assert [version for version, _ in await _versions(rig)] == ["1"]


async def test_without_mlflow_models_are_trained_and_promoted_and_registered_later(rig, mlflow_uri):
    """MLflow is a view; when it is away, nothing else waits."""
    await rig.send(TrainModel(model=rig.name))
    assert await rig.work()
    with pytest.raises(Transient):
        await rig.projector(rig.server(NOWHERE)).turn()
    await rig.promote()
    assert len(await rig.history()) == 1
    assert (await rig.promoted())[0].version is None
    await rig.projector(rig.server(mlflow_uri)).turn()
    assert [version for version, _ in await _versions(rig)] == ["1"]
