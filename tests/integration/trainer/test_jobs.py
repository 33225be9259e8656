"""Jobs from the message to the bundle, against a real Postgres and object store, in the role of the trainer."""

import asyncio
import os
import signal
from uuid import uuid4

import msgspec
import pytest
from readmit_cli.stack.processes import is_alive
from readmit_contracts.commands import CancelTraining, TrainModel
from readmit_contracts.events import BatchCleaned, ModelEvaluated, ModelTrained, TrainingFailed, TrainingStarted
from readmit_contracts.source import SPLITS
from readmit_runtime.errors import Transient
from readmit_runtime.testing.fake_object_store import FakeObjectStore
from support.message_examples import EXAMPLES
from support.small_fit import SMALL
from support.trainer_process import fit_child
from support.trainer_rig import cohort_lines
from trainer.artifacts import load_bundle, load_frame
from trainer.frame import read_frame


async def test_a_completed_ingestion_comes_to_a_champion(rig, tmp_path):
    """The whole way: job, fit, bundle, gate, epoch, events."""
    command_id = await rig.send(await rig.completed())
    assert await rig.work()
    await rig.promote()
    job = await rig.job()
    assert job["state"] == "done"
    assert (await load_bundle(rig.objects, job["model_id"])).model_id == job["model_id"]
    assert await rig.history() == [(1, "promotion", job["model_id"])]
    assert await rig.command(command_id) == ("applied", None)
    assert [len(await rig.events(kind)) for kind in (TrainingStarted, ModelTrained, ModelEvaluated)] == [1, 1, 1]
    (promoted,) = await rig.promoted()
    assert (promoted.epoch, promoted.model_id, promoted.replaces) == (1, job["model_id"], None)
    assert not await rig.work()
    figures = msgspec.json.decode(job["metrics"])
    assert 0.5 < figures["validation"]["auroc"] <= 1.0
    assert set(figures) == {"validation", "test", "best_iteration"}
    await load_frame(rig.objects, job["frame_key"], tmp_path / "frame.parquet")
    frame = read_frame(tmp_path / "frame.parquet")
    clean = [await rig.admin.fetchval(f"SELECT count(*) FROM clean.{split}") for split in SPLITS]
    assert [len(frame[split]) for split in SPLITS] == clean


async def test_the_same_training_set_is_one_job_and_one_model(rig):
    """Who asks again gets what is there, and is told so."""
    event = await rig.completed()
    event_id = await rig.send(event)
    await rig.send(event, message_id=event_id)
    assert await rig.work()
    await rig.promote()
    again = await rig.send(await rig.completed())
    command = await rig.send(TrainModel(then="train"))
    assert not await rig.work()
    await rig.promote()
    assert len(await rig.history()) == 1
    assert await rig.admin.fetchval("SELECT count(*) FROM training.models") == 1
    assert "already, under epoch 1" in await rig.detail(again)
    assert await rig.command(command) == ("applied", None)
    assert "done before" in await rig.detail(command)


async def test_a_forced_job_comes_to_the_same_bytes(rig):
    """Same rows, recipe and libraries: the digest is a proof, not a name."""
    await rig.send(TrainModel(then="train"))
    assert await rig.work()
    forced = await rig.send(TrainModel(then="train", force=True))
    assert await rig.work()
    assert await rig.admin.fetchval("SELECT count(*) FROM training.jobs") == 2
    assert await rig.admin.fetchval("SELECT count(DISTINCT model_id) FROM training.jobs") == 1
    assert await rig.command(forced) == ("applied", None)


async def test_events_that_are_for_others_leave_no_trace(rig):
    """Every batch of every run is announced; the inbox keeps what was acted on."""
    for message in EXAMPLES:
        if type(message).__name__.startswith("Batch"):
            await rig.send(message)
    assert any(isinstance(message, BatchCleaned) for message in EXAMPLES)
    await rig.send(await rig.completed(then="nothing"))
    assert await rig.admin.fetchval("SELECT count(*) FROM training.jobs") == 0
    assert await rig.admin.fetchval("SELECT count(*) FROM training.outbox") == 0
    assert await rig.admin.fetchval("SELECT count(*) FROM training.inbox") == 1


async def test_a_set_without_validation_rows_trains_nothing_and_says_so(rig):
    """Nothing would say when to stop; the command's answer and the job name the reason."""
    train_only = tuple(ref for ref in await rig.training_set() if ref.split != "validation")
    event = await rig.send(await rig.completed(training_set=train_only))
    assert not await rig.work()
    assert await rig.command(event) == ("rejected", "NO_VALIDATION_ROWS")
    assert (await rig.job())["reason"] == "NO_VALIDATION_ROWS"
    (failed,) = await rig.events(TrainingFailed)
    assert (failed.reason, failed.attempt) == ("NO_VALIDATION_ROWS", 0)


async def test_training_on_an_empty_store_says_so(empty_rig):
    """The first command of a newcomer may come too early."""
    command = await empty_rig.send(TrainModel())
    assert await empty_rig.command(command) == ("rejected", "NO_TRAINING_ROWS")
    assert not await empty_rig.work()


@pytest.mark.parametrize("change", ["cleaned_anew", "reset"])
async def test_rows_that_changed_since_are_not_trained_on(rig, change):
    """The job names the content it is about; other content is another job."""
    command = await rig.send(await rig.completed())
    if change == "reset":
        await rig.reset()
    else:
        await rig.admin.execute("UPDATE ingest.batches SET sha256 = repeat('0', 64) WHERE split = 'train'")
    assert await rig.work()
    assert (await rig.job())["reason"] == "DATASET_CHANGED"
    assert await rig.command(command) == ("rejected", "DATASET_CHANGED")
    assert [event.reason for event in await rig.events(TrainingFailed)] == ["DATASET_CHANGED"]


async def test_rows_that_are_missing_are_noticed(rig):
    """A digest in the ledger proves nothing about a table that lost a row."""
    await rig.send(await rig.completed())
    await rig.admin.execute("DELETE FROM clean.train WHERE row_no = 7")
    assert await rig.work()
    assert (await rig.job())["reason"] == "DATASET_CHANGED"


async def test_a_reset_ends_waiting_jobs_and_the_same_rows_come_back_as_the_same_job(rig):
    """The job's identity is its content, which has no generation."""
    lines = cohort_lines(2000)
    await rig.send(await rig.completed())
    await rig.send(await rig.reset())
    assert (await rig.job())["reason"] == "STORE_RESET"
    assert not await rig.work()
    await rig.replan()
    await rig.ingest(lines)
    await rig.send(await rig.completed())
    assert await rig.work()
    job = await rig.job()
    assert (job["state"], job["generation"]) == ("done", 2)
    await rig.send(await rig.completed(generation=1))  # one that was late
    assert (await rig.job())["state"] == "done"


async def test_two_workers_at_once_do_a_job_once(rig):
    """The claim is a lock; who finds nothing goes home."""
    await rig.send(await rig.completed())
    assert sorted(await asyncio.gather(rig.work(), rig.work(), rig.work())) == [False, False, True]
    assert (await rig.job())["attempt"] == 1


async def test_a_worker_that_lost_its_lease_changes_nothing(rig):
    """The attempt's number is the fence: of two that believe to hold the job one finishes, the other is discarded."""
    await rig.send(await rig.completed())
    first = asyncio.create_task(rig.work(renew_s=60.0, lease_s=600.0))
    await _running(rig)
    await rig.admin.execute("UPDATE training.jobs SET lease_until = now() - interval '1 s'")
    assert await rig.work()
    assert await first
    job = await rig.job()
    assert (job["state"], job["attempt"]) == ("done", 2)
    assert [event.attempt for event in await rig.events(ModelTrained)] == [2]
    assert await rig.admin.fetchval("SELECT count(*) FROM training.models") == 1


async def test_a_killed_child_costs_an_attempt_and_the_next_comes_to_the_same_model(rig):
    """The kernel kills when memory is short; that says nothing about the job."""
    await rig.send(TrainModel(then="train"))
    assert await rig.work()
    expected = (await rig.job())["model_id"]
    await rig.empty()
    await rig.send(TrainModel(then="train"))
    working = asyncio.create_task(rig.work())
    os.kill(await _child(rig), signal.SIGKILL)
    assert await working
    assert (await rig.job())["state"] == "waiting"
    assert await rig.work()
    job = await rig.job()
    assert (job["state"], job["attempt"], job["model_id"]) == ("done", 2, expected)


async def test_attempts_are_limited_and_a_new_command_reopens_the_job(rig):
    """A job that kills its workers must not do so for ever."""
    await rig.send(TrainModel(then="train"))
    await rig.admin.execute("UPDATE training.jobs SET tries = 5, attempt = 5")
    assert await rig.work()
    assert (await rig.job())["reason"] == "ATTEMPTS_EXHAUSTED"
    again = await rig.send(TrainModel(then="train"))
    assert await rig.work()
    job = await rig.job()
    assert (job["state"], job["attempt"], job["tries"]) == ("done", 7, 1)
    assert await rig.command(again) == ("applied", None)


async def test_a_job_of_another_release_is_not_done_by_this_one(rig):
    """Its id promises a recipe and libraries; what others made of it would bear a wrong name."""
    await rig.send(TrainModel(), recipe=msgspec.structs.replace(SMALL, seed=9))
    assert await rig.work()
    job = await rig.job()
    assert (job["state"], job["reason"]) == ("failed", "REFUSED")


async def test_a_cancelled_job_ends_its_child(rig):
    """Whoever cancels wants the machine back."""
    await rig.send(TrainModel())
    working = asyncio.create_task(rig.work())
    child = await _child(rig)
    cancelled = await rig.send(CancelTraining(job_id=(await rig.job())["job_id"], reason="not now"))
    async with asyncio.timeout(20):
        assert await working
    assert (await rig.job())["state"] == "cancelled"
    assert await rig.command(cancelled) == ("applied", None)
    assert not is_alive(child)
    unknown = await rig.send(CancelTraining(job_id=uuid4(), reason="not now"))
    late = await rig.send(CancelTraining(job_id=(await rig.job())["job_id"], reason="not now"))
    assert [await rig.command(sent) for sent in (unknown, late)] == [
        ("rejected", "UNKNOWN_JOB"),
        ("rejected", "REFUSED"),
    ]


async def test_a_stop_gives_the_job_back_untried(rig):
    """A deployment must not use up a job's attempts."""
    await rig.send(TrainModel())
    stop = asyncio.Event()
    working = asyncio.create_task(rig.worker().turn(stop))
    await _child(rig)
    stop.set()
    async with asyncio.timeout(10):
        await working
    job = await rig.job()
    assert (job["state"], job["tries"], job["attempt"]) == ("waiting", 0, 1)


async def test_a_job_waits_while_the_object_store_is_away(rig):
    """Nothing was wrong with the job: it is given back untried."""
    await rig.send(TrainModel())
    away = FakeObjectStore()
    away.away = True
    with pytest.raises(Transient):
        await rig.worker(objects=away).turn(asyncio.Event())
    job = await rig.job()
    assert (job["state"], job["tries"]) == ("waiting", 0)


async def test_a_damaged_frame_under_the_same_key_fails_the_job_and_not_the_trainer(rig):
    """One bad object must not end the process, attempt after attempt."""
    await rig.send(TrainModel(then="train"))

    class Damaged(FakeObjectStore):
        async def put_if_absent(self, key, content):
            self.objects.setdefault(key, b"half")
            return await super().put_if_absent(key, content)

    assert await rig.worker(objects=Damaged()).turn(asyncio.Event())
    job = await rig.job()
    assert (job["state"], job["reason"]) == ("failed", "BUNDLE_SHA256")


async def test_a_fit_that_cannot_be_done_is_not_tried_again(empty_rig):
    """All labels alike stay alike."""
    lines = [line.rpartition(",")[0] + ",NO" for line in cohort_lines(1500)]
    await empty_rig.ingest(lines)
    await empty_rig.send(TrainModel())
    assert await empty_rig.work()
    job = await empty_rig.job()
    assert (job["state"], job["reason"], job["attempt"]) == ("failed", "FIT_FAILED", 1)
    assert not await empty_rig.work()


async def _running(rig) -> None:
    async with asyncio.timeout(10):
        while (await rig.job())["state"] != "running":
            await asyncio.sleep(0.02)


async def _child(rig) -> int:
    """Wait for the fit's child and give its process id."""
    async with asyncio.timeout(20):
        while (child := fit_child(rig.scratch_root)) is None:
            await asyncio.sleep(0.02)
    return child
