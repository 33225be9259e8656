"""Jobs from the message to the bundle, against a real Postgres and object store, in the role of the trainer."""

from readmit_contracts.events import ModelEvaluated, ModelTrained, TrainingStarted
from trainer.artifacts import load_bundle


async def test_a_completed_ingestion_comes_to_a_champion(rig):
    """The whole way: job, fit, bundle, gate, epoch, events."""
    command_id = await rig.send(await rig.completed())
    assert await rig.work()
    await rig.promote()
    job = await rig.job()
    assert job["state"] == "done"
    bundle = await load_bundle(rig.objects, job["model_id"])
    assert bundle.model_id == job["model_id"]
    assert await rig.history() == [(1, "promotion", job["model_id"])]
    assert await rig.command(command_id) == ("applied", None)
    assert [len(await rig.events(kind)) for kind in (TrainingStarted, ModelTrained, ModelEvaluated)] == [1, 1, 1]
    (promoted,) = await rig.promoted()
    assert (promoted.epoch, promoted.model_id, promoted.replaces) == (1, job["model_id"], None)
    assert not await rig.work()
