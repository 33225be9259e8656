"""The main job's steps, each with the effect that it waits for."""

from uuid import UUID

import pytest
from readmit_cli.demonstration import rendering
from readmit_cli.demonstration.addresses import Address
from readmit_cli.demonstration.demonstration import Demonstration, Outcome, World
from readmit_cli.demonstration.pipeline import PipelineRun, TaskRun
from readmit_cli.demonstration.steps import Steps
from readmit_cli.failures import CommandFailed
from readmit_cli.model_rows import JobStatus
from readmit_cli.models.training import heard_of
from readmit_cli.status_rows import StoreStatus
from readmit_cli.verification.findings import BatchReport, Difference, Report, Terms
from readmit_contracts.commands import StartIngestion
from readmit_contracts.events import IngestionCompleted
from readmit_contracts.predictions import Prediction, ServedModel
from readmit_contracts.registry import ce_type
from readmit_runtime.testing.fake_clock import FakeClock
from rich.console import Console
from support.answers import FakeViews
from support.encounters import encounters
from support.status_rows import (
    JOB_ID,
    MODEL_ID,
    NOW,
    OTHER_ID,
    RUN_ID,
    batch,
    champion,
    changed,
    command,
    decision,
    job,
    model,
    promotion,
    run,
)

SOURCE = encounters(100)
STORE = StoreStatus(generation=1, split_rule="s0", reset_at=None, schema_revision="0003")
CLEAN = batch(dataset_id=SOURCE.dataset_id)
FOREIGN = batch("planned")
ADDRESS = Address(name="predictor", look="http://127.0.0.1:1/docs", what="ask")


class Watched:
    """A view that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: dict[str, str] = {}
        self.said: list[str] = []
        self.broken: list[str] = []

    def started(self, step: str) -> None:
        """Hear of a step."""

    def going_on(self, step: str, said: str, *, completed=None, total=None) -> None:
        """Keep what is said."""
        self.said.append(f"{step}: {said}")

    def finished(self, step: str, seconds: float, *, note: str) -> None:
        """Keep the note."""
        self.notes[step] = note

    def failed(self, step: str, seconds: float) -> None:
        """Keep the step."""
        self.broken.append(step)


def report(**changes) -> Report:
    """Give a verified report on 100 rows."""
    terms = Terms(planned=100, published=100, stored=99, duplicate=1)
    fields = {
        "run_id": RUN_ID,
        "run_state": "completed",
        "generation": 1,
        "dataset_id": SOURCE.dataset_id,
        "dataset_no": 1,
        "dataset_sha256": SOURCE.sha256,
        "batches": (BatchReport(split="train", batch=0, state="clean", terms=terms, sha256="e5" * 32),),
        "batches_sha256": "f6" * 32,
        "differences": (),
        "differences_total": 0,
        "verdict": "verified",
    }
    return Report(**{**fields, **changes})


def prediction(epoch: int = 4) -> Prediction:
    """Give an answer."""
    served = ServedModel(name="readmission", model_id=MODEL_ID, version="7", epoch=epoch, lineage=UUID(int=2))
    return Prediction(prediction_id=UUID(int=1), probability=0.0886, decision="low_risk", threshold=0.197, model=served)


class Demo:
    """A demonstration over views that show the good case; a test names what is otherwise."""

    def __init__(self, **changes) -> None:
        self.view = Watched()
        self.published: list[StartIngestion] = []
        self._changes = changes

    async def run(self) -> Outcome:
        """Do all of it."""
        return await Demonstration(self._world(), Steps(self.view), FakeClock()).run(SOURCE)

    def _world(self) -> World:
        given = self._changes.get
        asked = command(consumer="trainer", command_type=ce_type(IngestionCompleted), subject=str(JOB_ID))
        store = FakeViews(
            store=[STORE],
            batches=given("batches", [[FOREIGN], [CLEAN, FOREIGN]]),
            command=given("commands", [command(), asked, *given("settled", [changed(asked, outcome="applied")])]),
            run=[run()],
            run_of=given("runs", [run("streaming", published=40), run()]),
            run_batches=[[]],
        )
        models = FakeViews(
            job=given("jobs", [job("running", stage="fitting: tree 10 of at most 600"), job()]),
            models_beginning=[[model()]],
            decision_of=given("decisions", [decision()]),
            promotion_of=given("promotions", [promotion()]),
            champion=given("champions", [champion()]),
        )
        self.store, self.models = store, models

        async def publish(request):
            self.published.append(request.message)

        async def verify(run_id, on_progress):
            assert run_id == RUN_ID
            on_progress(50, 100)
            return given("report", report())

        async def predict():
            return given("prediction", prediction())

        return World(
            store=store,
            models=models,
            publish=publish,
            verify=verify,
            predict=predict,
            run_pipeline=given("run_pipeline"),
        )


def done_before() -> JobStatus:
    """Give the job as it stands when it was done before anybody asked."""
    return job(finished_at=NOW.replace(year=2025))


async def test_everything_is_ingested_verified_trained_promoted_and_asked():
    """Each step waits for its effect, and is timed."""
    demo = Demo()
    outcome = await demo.run()
    (asked,) = demo.published
    assert asked == StartIngestion(
        batches=dict.fromkeys(("train", "validation", "test"), "all"),
        then="train_and_promote",
        dataset_sha256=SOURCE.sha256,
    )
    assert (heard_of(RUN_ID).id, "trainer") in demo.store.command.asked
    assert list(outcome.seconds) == ["ingestion", "verification", "training", "promotion", "predictor", "prediction"]
    assert demo.view.notes == {
        "ingestion": "100 rows in 1 batches",
        "verification": "every row is what the file says, 100 of them",
        "training": "job 6b4dfe2c done in 40.0 s",
        "promotion": "epoch 4: the model is the champion",
        "predictor": "1 of 1 living predictors serve it",
        "prediction": "by epoch 4",
    }
    assert "training: running: fitting: tree 10 of at most 600" in demo.view.said
    assert outcome.rows_unchanged is False
    assert outcome.real is False


async def test_a_second_time_no_row_changes_nothing_is_trained_and_it_is_said():
    """The same data is the same job; the champion stays."""
    demo = Demo(batches=[[CLEAN]], runs=[run()], jobs=[done_before()], decisions=[None], promotions=[None])
    outcome = await demo.run()
    assert outcome.rows_unchanged
    assert demo.view.notes["ingestion"] == "all 1 batches are clean already: nothing to ingest, no row changed"
    assert "was done before" in demo.view.notes["training"]
    assert demo.view.notes["promotion"] == "champion unchanged: the model is it already, under epoch 4"


async def test_a_model_that_the_gate_refuses_is_a_normal_end():
    """A better champion goes on serving, and answers the prediction."""
    better = champion(3, model_id=OTHER_ID, version="5")
    demo = Demo(
        decisions=[decision("AUROC_NOT_BETTER")], promotions=[None], champions=[better], prediction=prediction(3)
    )
    await demo.run()
    assert demo.view.notes["promotion"] == "not promoted: version 5 c3d4c3d4c3d4 of epoch 3 goes on serving"


@pytest.mark.parametrize(
    ("changes", "step", "said"),
    [
        ({"runs": [run("failed", reason="QUARANTINE_LIMIT", detail="too many")]}, "ingestion", "QUARANTINE_LIMIT"),
        (
            {
                "report": report(
                    verdict="differs",
                    differences=(Difference(table="raw.train", what="another value", split="train", row_no=17),),
                    differences_total=1,
                )
            },
            "verification",
            r"1 differences.\n  raw.train: train, row 17: another value\n.*ingest verify",
        ),
        ({"report": report(batches=())}, "verification", "file has 100 rows, 0 were published"),
        ({"jobs": [job("failed", reason="FIT_FAILED", detail="It ended.")]}, "training", "FIT_FAILED"),
        (
            {"settled": [command("rejected", command_type=ce_type(IngestionCompleted), reason="BUNDLE_MISSING")]},
            "promotion",
            "BUNDLE_MISSING",
        ),
        ({"prediction": prediction(3)}, "prediction", "answers with epoch 3"),
    ],
)
async def test_it_ends_at_the_first_step_whose_effect_is_not_what_it_must_be(changes, step, said):
    """Later steps would show something that is not so."""
    demo = Demo(**changes)
    with pytest.raises(CommandFailed, match=said):
        await demo.run()
    assert demo.view.broken == [step]


async def test_without_a_champion_there_is_nothing_to_ask():
    """The gate may refuse the very first model, when no predictor can read it."""
    with pytest.raises(CommandFailed, match="No model serves"):
        await Demo(promotions=[None], champions=[None]).run()


ASKED_BY_AIRFLOW = UUID(int=9)
PIPELINE = PipelineRun(
    page="http://airflow/run",
    tasks=(TaskRun(task_id="prepare", state="success", seconds=0.5), TaskRun(task_id="gate", state="success")),
    run_id=RUN_ID,
    promotion_command_id=ASKED_BY_AIRFLOW,
)


async def through_airflow(on_tasks) -> PipelineRun:
    """Run the pipeline as Airflow would."""
    on_tasks([TaskRun(task_id="prepare", state="success"), TaskRun(task_id="train", state="deferred")])
    return PIPELINE


async def test_airflow_does_the_work_where_it_is_up_and_what_came_of_it_is_the_systems_word():
    """Its tasks are shown with their seconds; rows, model and champion are read from the system all the same."""
    heard = command(consumer="trainer", command_type=ce_type(IngestionCompleted), subject=str(JOB_ID))
    demo = Demo(run_pipeline=through_airflow, commands=[heard], jobs=[job()])
    outcome = await demo.run()
    assert not demo.published
    assert list(outcome.seconds) == ["pipeline", "verification", "predictor", "prediction"]
    assert "pipeline: train" in demo.view.said
    assert (outcome.run.run_id, outcome.trained.promotion) == (RUN_ID, promotion())
    assert demo.models.promotion_of.asked[-1] == (ASKED_BY_AIRFLOW,)
    shown = printed(outcome)
    assert "prepare                       success      0.5" in shown
    assert "http://airflow/run" in shown


def printed(outcome: Outcome) -> str:
    """Give the last screen."""
    console = Console(width=200, markup=False, highlight=False)
    with console.capture() as capture:
        for section in rendering.screen(outcome, (ADDRESS,)):
            console.print(section)
    return capture.get()


async def test_the_last_screen_has_the_sum_the_model_the_prediction_and_where_to_look():
    """What a newcomer wants to see, on one screen."""
    outcome = changed(await Demo().run(), real=True)
    shown = printed(outcome)
    for said in (
        "published 100 = stored 99 + duplicate 1 + quarantined 0 + discarded 0",
        SOURCE.sha256,
        "f6" * 32,
        "validation 0.6712, test 0.6845",
        "epoch 4: the model is the champion",
        "8.9% risk, low risk",
        "by readmission version 7, epoch 4",
        "http://127.0.0.1:1/docs",
        "together",
    ):
        assert said in shown
    assert "SYNTHETIC" not in shown
    machine = rendering.as_dict(outcome, (ADDRESS,), "http://mlflow")
    assert machine["report"]["total"]["published"] == 100
    assert machine["addresses"] == [{"name": "predictor", "look": ADDRESS.look, "what": "ask"}]


async def test_figures_of_a_synthetic_dataset_are_called_worthless():
    """Nobody may take them for what the system can do."""
    shown = printed(await Demo().run())
    assert shown.count("THE DATASET IS SYNTHETIC") == 2
    assert "test 0.6845  (WORTHLESS: synthetic data)" in shown


async def test_an_unchanged_store_is_said_on_the_last_screen():
    """That a second run writes nothing is the point of running it."""
    outcome = changed(await Demo().run(), rows_unchanged=True)
    assert "every batch was clean before; no row was written" in printed(outcome)
