"""Every DAG on the real stack, with a real triggerer: green means that the effect is there, red says why it is not."""

import pytest
from support.airflow_api import AirflowApi
from support.running_stack import RunningStack, wait_for

PIPELINE = "readmission_pipeline"
UNKNOWN_MODEL = "ab" * 32


def green(airflow: AirflowApi, dag_id: str, **conf: object) -> str:
    """Run a DAG, require that it is green, and give the run."""
    run = airflow.run(dag_id, **conf)
    assert airflow.ended(run, timeout_s=180) == "success", airflow.failures(run)
    return run


def red(airflow: AirflowApi, dag_id: str, task_id: str, **conf: object) -> str:
    """Run a DAG, require that it is red because of this task, and give the task's log."""
    run = airflow.run(dag_id, **conf)
    assert airflow.ended(run, timeout_s=180) == "failed", airflow.states(run)
    assert airflow.states(run)[task_id] == "failed"
    return airflow.log(run, task_id)


def rows(running: RunningStack, table: str) -> int:
    """Count the rows of a table as the status shows them."""
    return int(running.query("SELECT rows FROM status.tables WHERE table_name = $1", table))


def champion(running: RunningStack) -> tuple[int, str]:
    """Give the champion's epoch and model."""
    return (
        int(running.query("SELECT epoch FROM status.champions")),
        str(running.query("SELECT model_id FROM status.champions")),
    )


def test_no_run_starts_by_itself_and_only_the_event_dag_is_paused(airflow: AirflowApi):
    """A weekly schedule means the next week, and `then: nothing` means nothing until somebody wants otherwise."""
    wait_for(lambda: len(airflow.get("/dags")["dags"]) == 8, "all DAGs are known")
    assert airflow.get("/dags/~/dagRuns")["total_entries"] == 0
    assert [dag["dag_id"] for dag in airflow.get("/dags")["dags"] if dag["is_paused"]] == ["on_event_retrain"]


def test_a_gate_without_rows_says_what_is_missing(airflow: AirflowApi):
    """The first thing that a newcomer does wrong."""
    assert "NO_TRAINING_ROWS" in red(airflow, "train_model", "train")


def test_the_pipeline_takes_the_first_train_batch_and_ends_with_a_model_that_serves(running, airflow):
    """Validation and test whole, so that every later model is measured on the same rows."""
    run = green(airflow, PIPELINE)
    assert set(airflow.states(run).values()) == {"success"}
    assert rows(running, "clean.train") == 15_000
    assert rows(running, "clean.validation") > 20_000
    assert champion(running)[0] == 1
    converged = airflow.result(run, "converge")
    assert converged == {"epoch": 1, "replicas": 1}


def test_the_next_run_adds_the_next_batch_and_ends_green_whatever_the_gate_says(running, airflow):
    """Retraining on growing data can be watched, and a refusal is a normal end."""
    run = green(airflow, PIPELINE)
    assert rows(running, "clean.train") == 30_000
    gate = airflow.result(run, "gate")
    assert gate["verdict"] in ("promoted", "refused")
    assert champion(running)[0] == (2 if gate["verdict"] == "promoted" else 1)
    assert running.query("SELECT count(*) FROM status.jobs WHERE state = 'done'") == 2


def test_a_run_without_new_data_trains_nothing_twice_and_leaves_the_champion(running, airflow):
    """The dataset is used up one day, and the schedule goes on."""
    green(airflow, PIPELINE, train="all")
    before = champion(running)
    run = green(airflow, PIPELINE)
    assert airflow.result(run, "train")["done_before"]
    assert airflow.result(run, "gate")["verdict"] in ("unchanged", "refused")
    assert champion(running) == before


def test_the_splits_show_their_progress_and_the_model_its_figures(airflow):
    """People watch a run in its tasks' logs, and open the model from its task."""
    last = f"/dags/{PIPELINE}/dagRuns/{airflow.runs(PIPELINE)[0]['dag_run_id']}"
    assert "batches clean" in airflow.log(last, "ingest.train_rows")
    trained = airflow.result(last, "train")
    assert 0.6 < trained["metrics"]["validation"]["auroc"] < 0.75
    assert trained["mlflow_url"].endswith(f"/#/models/readmission/versions/{trained['version']}")
    assert airflow.get(f"{last}/taskInstances/train/links")["extra_links"]["Model in MLflow"] == trained["mlflow_url"]


def test_ingesting_what_is_there_changes_nothing_and_is_green(running, airflow):
    """Asking twice is not an error."""
    before = rows(running, "clean.train")
    green(airflow, "ingest_batches", train="0,1", validation="none", test="none")
    assert rows(running, "clean.train") == before


def test_the_clean_tables_are_compared_and_rebuilt_on_wish(running, airflow):
    """A row altered by hand in a clean table is right again."""
    run = green(airflow, "clean_batches")
    assert airflow.result(run, "clean")["clean.train"] == rows(running, "clean.train")
    running.alter("DELETE FROM clean.test WHERE encounter_id = (SELECT min(encounter_id) FROM clean.test)")
    run = green(airflow, "clean_batches", rebuild=True, reason="a test")
    assert airflow.result(run, "clean")["clean.test"] == rows(running, "raw.test")


def test_training_by_hand_ends_with_the_gates_word(running, airflow):
    """The same data is the same job: nothing is trained."""
    jobs = running.query("SELECT count(*) FROM status.jobs")
    run = green(airflow, "train_model")
    assert airflow.result(run, "gate")["verdict"] in ("unchanged", "refused")
    assert running.query("SELECT count(*) FROM status.jobs") == jobs


def test_a_rollback_serves_the_model_before_under_a_new_epoch(running, airflow):
    """The way back when a champion disappoints; who and why are on record."""
    epoch, model_id = champion(running)
    first = str(running.query("SELECT model_id FROM status.promotions WHERE epoch = 1"))
    if first == model_id:
        pytest.fail("the pipeline promoted one model only; there is nothing to roll back to")
    green(airflow, "rollback_model", to_epoch=1, expected_epoch=epoch, reason="{{ 7 * 7 }}")
    assert champion(running) == (epoch + 1, first)
    said = running.query("SELECT actor || ': ' || reason FROM status.promotions WHERE epoch = $1", epoch + 1)
    assert said == "admin: {{ 7 * 7 }}", "what people write is no template"


@pytest.mark.parametrize(
    ("conf", "reason"),
    [
        ({"model_id": UNKNOWN_MODEL}, "UNKNOWN_MODEL"),
        ({"expected_epoch": 999}, "STALE_EPOCH"),
    ],
)
def test_a_promotion_that_cannot_be_is_red_with_the_systems_reason(running, airflow, conf: dict, reason: str):
    """Whoever asked for it has to learn that it did not happen."""
    wanted = str(running.query("SELECT model_id FROM status.models ORDER BY trained_at LIMIT 1"))
    before = champion(running)
    assert reason in red(airflow, "promote_model", "gate", **{"model_id": wanted, **conf})
    assert champion(running) == before


@pytest.mark.parametrize(
    ("dag_id", "conf"),
    [
        ("ingest_batches", {"train": "next:0"}),
        ("ingest_batches", {"then": "celebrate"}),
        ("promote_model", {"model_id": "champion"}),
        ("promote_model", {}),
        ("promote_model", {"model_id": UNKNOWN_MODEL, "reason": "line\nbreak"}),
        ("rollback_model", {"expected_epoch": "3"}),
        ("rollback_model", {"to_epoch": 10**30}),
        ("prepare_tables", {"reset": "yes"}),
        ("readmission_pipeline", {"train": "all", "converge_within_s": 0}),
    ],
)
def test_what_is_outside_a_fields_schema_is_refused_when_it_is_asked_for(airflow: AirflowApi, dag_id: str, conf: dict):
    """Nothing is published for it, and the answer names the field."""
    answer = airflow.trigger(dag_id, **conf)
    assert answer.status_code == 400
    assert "Invalid input for param" in answer.text


def test_a_parameter_that_a_dag_does_not_have_makes_its_run_red(airflow: AirflowApi):
    """Airflow itself would run the DAG as if nothing had been written."""
    assert "has no parameter resett" in red(airflow, "prepare_tables", "schema", resett=True)


def test_a_run_that_is_cancelled_in_the_system_is_red_with_its_reason(running, airflow):
    """Whoever looks at Airflow sees what happened elsewhere."""
    running.readmit("ingest", "reset", "--reason", "next test", "--yes")
    running.stack.supervisor.stop(["ingestor"], timeout_s=60)
    run = airflow.run("ingest_batches", train="all", validation="none", test="none")
    wait_for(lambda: airflow.states(run).get("ingest.train_rows") == "deferred", "the split is waited for")
    run_id = running.query("SELECT run_id::text FROM status.runs ORDER BY planned_at DESC LIMIT 1")
    assert "STORE_BUSY" in red(airflow, "prepare_tables", "emptied", reset=True)
    running.readmit("ingest", "cancel", run_id, "--reason", "not wanted any more")
    assert airflow.ended(run) == "failed"
    assert "was cancelled" in airflow.log(run, "ingest.train_rows")
    assert "not wanted any more" in airflow.log(run, "ingest.train_rows")
    running.stack.supervisor.start("ingestor")


def test_the_store_is_emptied_on_wish(running, airflow):
    """And its next generation begins."""
    generation = running.query("SELECT generation FROM status.store")
    run = green(airflow, "prepare_tables", reset=True, reason="start over")
    assert airflow.result(run, "emptied") == {"subject": str(generation + 1)}
    assert rows(running, "raw.train") == 0
