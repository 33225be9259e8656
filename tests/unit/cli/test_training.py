"""Following a training job, and telling what came of it."""

from datetime import timedelta

import msgspec
import pytest
from ingestor import announcements
from readmit_cli.failures import CommandFailed
from readmit_cli.models import training, training_report
from readmit_contracts.events import IngestionCompleted
from readmit_runtime.testing.fake_clock import FakeClock
from support.answers import FakeViews
from support.message_examples import EXAMPLES
from support.status_rows import JOB_ID, NOW, OTHER_ID, champion, command, decision, job, model, promotion
from trainer.asking.store import CONSUMER

ASKED = command(subject=str(JOB_ID))
LATER = NOW + timedelta(hours=1)


def trained(**changes) -> training.Trained:
    """Give a job that came to a promoted model."""
    fields = {
        "command": command("applied", subject=str(JOB_ID)),
        "job": job(),
        "done_before": False,
        "model": model(),
        "decision": decision(),
        "promotion": promotion(),
        "champion": champion(),
    }
    return training.Trained(**{**fields, **changes})


def test_the_trainer_hears_of_a_run_by_the_event_that_completes_it():
    """The id is derived on both sides; a difference would make the waiting endless."""
    event = next(message for message in EXAMPLES if isinstance(message, IngestionCompleted))
    run = {"event": msgspec.json.encode(event).decode(), "traceparent": None}
    event_id, _ = announcements.ingestion_completed(run)
    assert training.heard_of(event.run_id) == (event_id, IngestionCompleted, CONSUMER)


async def test_a_job_is_followed_until_it_is_done():
    """Each look is told to whoever watches, with the stage."""
    seen = []
    views = FakeViews(job=[job("waiting"), job("running", stage="fitting: tree 12 of at most 600"), job()])
    done = await training.job_ended(ASKED, views, FakeClock(), lambda now: seen.append(training.stage(now)))
    assert done.model_id is not None
    assert seen == ["waiting", "running: fitting: tree 12 of at most 600", "done"]


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (job("failed", reason="FIT_TIME_LIMIT", detail="It ran too long."), r"failed \(FIT_TIME_LIMIT\): It ran"),
        (job("cancelled", reason="CANCELLED", detail="not needed"), r"was cancelled \(CANCELLED\): not needed"),
    ],
)
async def test_a_job_without_a_model_is_a_failure_with_its_reason(end, said):
    """What is on record is what is said."""
    with pytest.raises(CommandFailed, match=said):
        await training.job_ended(ASKED, FakeViews(job=[end]), FakeClock(), lambda _: None)


async def test_a_message_that_led_to_no_job_is_a_failure():
    """A run whose command wanted no training has nothing to wait for."""
    with pytest.raises(CommandFailed, match="No training followed: wanted none"):
        await training.job_ended(
            command("applied", subject=None, detail="wanted none"), FakeViews(), FakeClock(), lambda _: None
        )


@pytest.mark.parametrize(("asked_at", "before"), [(NOW, False), (LATER, True)])
async def test_a_job_that_was_done_when_it_was_asked_for_is_told_from_one_that_was_trained(asked_at, before):
    """Nothing is trained twice, and that is said."""
    asked = command("applied", subject=str(JOB_ID), recorded_at=asked_at)
    views = FakeViews(models_beginning=[[model()]], champion=[champion()])
    found = await training.trained(asked, job(), views)
    assert found.done_before is before
    line = training_report.job_line(found.job, asked)
    assert line == ("was done before, 2026-01-01 00:00:40Z: nothing is trained twice" if before else "done in 40.0 s")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "epoch 4: the model is the champion"),
        ({"promotion": None, "decision": None}, "champion unchanged: the model is it already, under epoch 4"),
        (
            {"promotion": None, "champion": champion(3, model_id=OTHER_ID, version="5")},
            "not promoted: version 5 c3d4c3d4c3d4 of epoch 3 goes on serving",
        ),
        ({"promotion": None, "champion": None}, "not promoted: no model serves"),
    ],
)
def test_what_came_of_the_promotion_is_one_line(changes, said):
    """A refusal and an unchanged champion are normal ends."""
    assert training_report.outcome(trained(**changes)).plain == said


def test_machines_get_the_whole_result_with_the_link_to_mlflow():
    """The link is there once MLflow has a version."""
    found = training_report.as_dict(trained(), "http://mlflow:5000/")
    assert found["mlflow_url"] == "http://mlflow:5000/#/models/readmission/versions/7"
    assert found["job"]["metrics"]["test"]["auroc"] == 0.6845
    assert training_report.as_dict(trained(model=model(version=None)), "http://mlflow:5000")["mlflow_url"] is None
    assert training_report.as_dict(trained(), None)["mlflow_url"] is None
