"""What replicas say of themselves, in the role of the trainer."""

import time
from uuid import UUID, uuid4

import msgspec
from readmit_contracts.events import ModelLoaded, ModelLoadFailed, ReplicaReported
from readmit_contracts.topics import MODELS_LOADED
from readmit_runtime.dead_letters import DeadLetterLimit
from readmit_runtime.messages import IncomingRecord
from support.trainer_rig import as_delivered
from trainer.replicas.handler import ReplicaHandler

LINEAGE = UUID(int=1)
REPORT = ReplicaReported(
    replica="predictor-0",
    model="readmission",
    epoch=1,
    lineage=LINEAGE,
    model_id="a" * 64,
    feature_versions=(1, 2),
    status="serving",
)


async def _say(rig, *said) -> None:
    records = [as_delivered(message, uuid4(), timestamp_ms=at) for message, at in said]
    await ReplicaHandler(rig.pool, DeadLetterLimit(5))(records)


async def _row(rig) -> tuple:
    row = await rig.admin.fetchrow("SELECT epoch, alive, load_failure FROM status.replicas")
    return tuple(row)


async def test_the_newest_report_by_the_brokers_time_stands(empty_rig):
    """Partitions and retries may deliver an older one after it."""
    now = int(time.time() * 1000)
    await _say(empty_rig, (msgspec.structs.replace(REPORT, epoch=3), now), (REPORT, now - 5000))
    await _say(empty_rig, (msgspec.structs.replace(REPORT, epoch=2), now - 1000))
    assert await _row(empty_rig) == (3, True, None)


async def test_loads_and_failures_are_kept_until_a_load_succeeds(empty_rig):
    """A replica that refuses the champion must be seen to."""
    now = int(time.time() * 1000)
    about = {"replica": "predictor-0", "model": "readmission", "lineage": LINEAGE, "model_id": "b" * 64}
    failed = ModelLoadFailed(**about, epoch=2, reason="BUNDLE_SHA256", detail="model.txt is another file.")
    await _say(empty_rig, (REPORT, now - 3000), (failed, now - 2000), (REPORT, now - 1000))
    assert await _row(empty_rig) == (1, True, "epoch 2: BUNDLE_SHA256")
    await _say(empty_rig, (ModelLoaded(**about, epoch=2, duration_s=0.5), now))
    assert await _row(empty_rig) == (2, True, None)


async def test_a_replica_that_says_goodbye_or_nothing_is_not_alive(empty_rig):
    """Promotions wait for living replicas, and only for those."""
    now = int(time.time() * 1000)
    await _say(empty_rig, (REPORT, now - 20_000))
    assert (await _row(empty_rig))[1] is False
    await _say(empty_rig, (msgspec.structs.replace(REPORT, status="stopping"), now))
    assert (await _row(empty_rig))[1] is False


async def test_news_that_cannot_be_read_is_parked_beside_the_good(empty_rig):
    """One broken sender must not hide the others."""
    broken = IncomingRecord(MODELS_LOADED.name, 0, 7, b"x", b"{", (), 0)
    good = as_delivered(REPORT, uuid4(), timestamp_ms=int(time.time() * 1000))
    await ReplicaHandler(empty_rig.pool, DeadLetterLimit(5))([broken, good])
    assert (await _row(empty_rig))[1] is True
    assert await empty_rig.admin.fetchval("SELECT topic FROM training.outbox") == f"{MODELS_LOADED.name}.dlq"
