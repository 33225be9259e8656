"""MLflow shows what Postgres decided, and its alias is a way to ask; against a real MLflow."""

import msgspec
import pytest
from readmit_contracts.commands import TrainModel
from readmit_runtime.errors import Transient
from support.small_fit import SMALL
from trainer.alias.reconciler import PUT_BACK_TAG

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


async def test_models_are_registered_once_and_the_alias_follows_the_champion(shown):
    """Whoever looks into MLflow finds what serves; looking again adds nothing."""
    rig, server = shown
    (first, first_id), (second, second_id) = await _versions(rig)
    assert (first, second) == ("1", "2")
    assert await server.model_id_of(rig.name, first) == first_id
    assert await server.model_id_of(rig.name, second) == second_id
    assert await server.aliased_version(rig.name) == first
    await rig.admin.execute("UPDATE training.models SET mlflow_version = NULL, mlflow_run_id = NULL")
    await rig.projector(server).turn()  # as after a kill between the version and its note
    assert await _versions(rig) == [(first, first_id), (second, second_id)]


async def test_an_alias_moved_to_an_earlier_champion_is_a_rollback(shown):
    """MLflow's page is where people change what serves; the change is on record like any other."""
    rig, server = shown
    (first, first_id), (second, second_id) = await _versions(rig)
    await rig.admin.execute("UPDATE training.champions SET epoch = 2, model_id = $1", second_id)
    await rig.admin.execute(
        "INSERT INTO training.promotions (model, epoch, model_id, kind, command_id, actor, reason, replaces_epoch, "
        "replaces_model_id) VALUES ($1, 2, $2, 'promotion', gen_random_uuid(), 'test', 'test', 1, $3)",
        rig.name,
        second_id,
        first_id,
    )
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


async def test_an_alias_moved_to_a_worse_model_is_put_back_with_the_gates_reason(shown):
    """A click does not get round the gate, and whoever clicked is told."""
    rig, server = shown
    (first, first_id), (second, second_id) = await _versions(rig)
    # Whether it is better is chance, so the gate is given the champion's twin: never better.
    await rig.admin.execute("UPDATE training.jobs SET model_id = $1 WHERE recipe = 'other'", second_id)
    await server.set_alias(rig.name, second)
    await rig.alias(server).turn()
    assert await rig.take_commands() == 1
    await rig.promote()
    await rig.alias(server).turn()
    passed = await rig.admin.fetchval("SELECT passed FROM training.decisions WHERE model_id = $1", second_id)
    assert await server.aliased_version(rig.name) == (second if passed else first)
    tags = await server.version_tags(rig.name, second)
    assert (PUT_BACK_TAG in tags) is not passed


async def test_an_alias_moved_to_a_version_without_a_model_is_put_back(shown):
    """Nothing could serve it; the tag says so."""
    rig, server = shown
    (first, _), _ = await _versions(rig)
    await server._change("POST", "model-versions/create", {"name": rig.name, "source": "s3://elsewhere/model"})
    await server.set_alias(rig.name, "3")
    await rig.alias(server).turn()
    assert await server.aliased_version(rig.name) == first
    assert "names no model" in (await server.version_tags(rig.name, "3"))[PUT_BACK_TAG]
    assert await rig.take_commands() == 0


async def test_an_alias_that_is_deleted_is_put_back(shown):
    """A champion cannot be deleted, only followed by another."""
    rig, server = shown
    await server.delete_alias(rig.name)
    await rig.alias(server).turn()
    assert await server.aliased_version(rig.name) == "1"


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
