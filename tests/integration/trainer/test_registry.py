"""What the metrics tell of jobs, models, champions and replicas, in the role of the trainer."""

import time

import msgspec
from support.trainer_rig import TrainerRig
from trainer.registry_store import read_registry

REPLICA = """
    INSERT INTO training.replicas (replica, model, status, epoch, lineage, feature_versions, reported_at)
    SELECT $1, 'readmission', $2, $3::bigint, lineage, '{1}', now() - make_interval(secs => $4) FROM training.lineage
"""


async def look(rig: TrainerRig) -> None:
    """Take one look, as the trainer does every few seconds."""
    async with rig.pool.acquire() as connection:
        rig.metrics.registry_seen(await read_registry(connection))


def value(rig: TrainerRig, name: str, **labels: str) -> float | None:
    """Give a metric's value, None for a series that is not told."""
    return rig.registry.get_sample_value(f"readmit_trainer_{name}", labels)


async def test_before_the_first_job_the_states_are_told_and_no_model(empty_rig):
    """A dashboard of a fresh stack shows zeros where there can be some, and nothing where there is none."""
    await look(empty_rig)
    assert value(empty_rig, "known_jobs", state="waiting") == 0
    assert time.time() - value(empty_rig, "tables_seen_timestamp_seconds") < 60
    assert value(empty_rig, "champion_epoch", model="readmission") is None
    assert value(empty_rig, "outbox_age_seconds") == 0


async def test_a_job_and_its_promotion_are_told_as_they_are_on_record(rig):
    """What a dashboard says of a model must be what the tables say, whichever trainer is asked."""
    await rig.send(await rig.completed())
    await look(rig)
    assert value(rig, "known_jobs", state="waiting") == 1
    await rig.work()
    await rig.promoter().turn()
    await look(rig)
    metrics, training_set = await rig.admin.fetchrow("SELECT metrics, training_set FROM training.jobs")
    rows = {ref["split"]: ref["rows"] for ref in msgspec.json.decode(training_set)}
    assert value(rig, "known_jobs", state="waiting") == 0
    assert value(rig, "known_jobs", state="done") == 1
    for role in ("champion", "newest"):
        named = {"model": "readmission", "role": role}
        assert value(rig, "model_auroc", **named) == msgspec.json.decode(metrics)["validation"]["auroc"]
        assert {split: value(rig, "model_rows", **named, split=split) for split in rows} == rows
    assert value(rig, "champion_epoch", model="readmission") == 1
    assert 0 <= value(rig, "champion_age_seconds", model="readmission") < 60
    assert value(rig, "outbox_age_seconds") > 0
    assert value(rig, "gate_decisions_total", result="passed") == 1


async def test_replicas_are_told_by_epoch_while_they_live(rig):
    """Who is behind shows, and an epoch that nobody serves any more leaves no series behind."""
    await rig.send(await rig.completed())
    await rig.work()
    await rig.promoter().turn()
    for replica, status, epoch, silent_s in (
        ("a", "serving", 1, 0),
        ("b", "serving", 1, 5),
        ("c", "loading", None, 0),
        ("gone", "serving", 1, 60),
        ("stopping", "stopping", 1, 0),
    ):
        await rig.admin.execute(REPLICA, replica, status, epoch, silent_s)
    await look(rig)
    assert value(rig, "living_replicas", model="readmission", epoch="1") == 2
    assert value(rig, "living_replicas", model="readmission", epoch="none") == 1
    assert value(rig, "unconverged_replicas", model="readmission") == 1
    await rig.admin.execute("UPDATE training.replicas SET epoch = 1")
    await look(rig)
    assert value(rig, "living_replicas", model="readmission", epoch="1") == 3
    assert value(rig, "living_replicas", model="readmission", epoch="none") is None
    assert value(rig, "unconverged_replicas", model="readmission") == 0
    await rig.admin.execute("UPDATE training.replicas SET lineage = gen_random_uuid()")
    await look(rig)
    assert value(rig, "unconverged_replicas", model="readmission") == 3
