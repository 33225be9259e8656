"""The whole way on the real dataset: rows in, a model trained and promoted, an answer out, and back again."""

import re
from typing import get_args

import httpx
import pytest
from readmit_cli.stack.programs import SERVICES
from readmit_contracts.events import Decision
from readmit_runtime.metrics import PROCESS
from support.running_stack import RunningStack, wait_for
from support.scraped import declared, exposed, series, table_of, value

pytestmark = pytest.mark.real_dataset
ROWS = {"train": 61_227, "validation": 20_442, "test": 20_097}
FIXED = re.compile(r"[a-z_ ]+|[A-Z_]+|[1-5]xx|/[a-z0-9/_.]+")
"""Values of labels that the code has: words, reasons, classes of status, paths. No number, no id."""
PROBABILITY = "readmit_predictor_given_probability"


def champion(running: RunningStack) -> dict | None:
    """Give the champion as the status knows it; None without one or while the database is away."""
    status = running.finds("status")
    champions = (status or {}).get("store", {}).get("champions") or (status or {}).get("champions") or [None]
    return champions[0]


def mlflow(running: RunningStack, method: str, path: str, **fields: str) -> dict:
    """Call MLflow's REST interface as a person's browser would."""
    address = f"{running.stack.mlflow_uri}/api/2.0/mlflow/{path}"
    return httpx.request(method, address, json=fields or None, timeout=20).raise_for_status().json()


def test_the_trainer_killed_in_its_work_gives_one_model(emptied: RunningStack):
    """SIGKILL while it fits: the next one does the same job again and comes to the same model, once."""
    emptied.readmit("ingest", "start", "--train", "next:1", "--validation", "all", "--test", "all", "--no-wait")
    wait_for(lambda: _jobs(emptied, "running"), "a job runs", timeout_s=90)
    emptied.kill("trainer")
    wait_for(lambda: _jobs(emptied, "done"), "the job is done", timeout_s=120)
    wait_for(lambda: (found := champion(emptied)) and found["convergence"] == "converged", "the model serves")
    models = emptied.json("models", "list")["models"]
    assert len(models) == 1
    assert len(emptied.json("models", "history")["promotions"]) == 1


def _jobs(running: RunningStack, state: str) -> int:
    return int(running.query("SELECT count(*) FROM status.jobs WHERE state = $1", state))


def test_the_demo_accounts_for_every_row_and_says_so_again(running: RunningStack):
    """What a newcomer sees first has to be true, and to stay true when it is run again."""
    first = running.json("demo")
    assert {split: terms["published"] for split, terms in first["report"]["terms"].items()} == ROWS
    assert first["report"]["total"]["stored"] == sum(ROWS.values())
    assert 0.66 < first["trained"]["model"]["metrics"]["validation"]["auroc"] < 0.72
    assert first["prediction"]["model"]["epoch"] == first["champion"]["epoch"]
    again = running.json("demo")
    assert again["rows_unchanged"]
    assert again["trained"]["done_before"]
    assert again["champion"] == first["champion"]
    assert len(running.json("models", "list")["models"]) == 2


def test_the_predictions_are_stored_with_the_epoch_that_gave_them(running: RunningStack):
    """An answer that nobody recorded can't be accounted for."""
    epoch = champion(running)["epoch"]
    before = int(running.query("SELECT coalesce(sum(predictions), 0) FROM status.predictions WHERE epoch = $1", epoch))
    running.readmit("predict")
    stored = "SELECT coalesce(sum(predictions), 0) FROM status.predictions WHERE epoch = $1"
    wait_for(lambda: int(running.query(stored, epoch)) == before + 1, "the prediction is stored")


@pytest.mark.parametrize("program", SERVICES)
def test_a_process_that_worked_exposes_what_it_declares_and_nothing_else(running: RunningStack, program: str):
    """Only real work makes every series; none may have a label that nobody declared, or a value of a row or a run."""
    service = SERVICES[program]
    scraped = running.metrics(program)
    assert exposed(scraped) == declared(service)
    labels_of = {spec.name: set(spec.labels) for spec in (*table_of(service), *PROCESS)}
    named = {value for spec in table_of(service) for value in spec.from_start}
    for name, labels in series(scraped):
        assert labels.keys() == labels_of[name]
        free = {"model", "epoch"} & labels.keys()  # those of the registry; twenty models, and what lives
        assert all(label in free or value in named or FIXED.fullmatch(value) for label, value in labels.items()), (
            name,
            labels,
        )


def test_the_metrics_say_what_the_records_say(running: RunningStack):
    """A dashboard that differs from the records is worse than none."""
    now = champion(running)
    recorded = "SELECT (metrics -> 'validation' ->> 'auroc')::float8 FROM status.models WHERE model_id = $1"
    trainer, ingestor = running.metrics("trainer"), running.metrics("ingestor")
    assert value(ingestor, "readmit_ingestor_batch_rows", count="published") == sum(ROWS.values())
    assert value(ingestor, "readmit_ingestor_batch_rows", count="planned") == sum(ROWS.values())
    assert value(ingestor, "readmit_ingestor_known_batches", state="planned") == 0
    assert value(ingestor, "readmit_ingestor_waiting_records", consumer="chunks") == 0
    named = {"model": now["model"]}
    assert value(trainer, "readmit_trainer_champion_epoch", **named) == now["epoch"]
    auroc = value(trainer, "readmit_trainer_model_auroc", **named, role="champion")
    assert auroc == running.query(recorded, now["model_id"])
    assert value(trainer, "readmit_trainer_living_replicas", **named, epoch=str(now["epoch"])) == 1
    assert value(trainer, "readmit_trainer_unconverged_replicas", **named) == 0
    predictor = running.metrics("predictor")
    assert value(predictor, "readmit_predictor_served_epoch") == now["epoch"]
    given = [value(predictor, f"{PROBABILITY}_count", decision=each) for each in get_args(Decision)]
    assert sum(given) == value(predictor, "readmit_predictor_inference_duration_seconds_count") > 0


def test_a_value_changed_by_hand_is_found_and_named(running: RunningStack):
    """Whoever can write to the database can't do it unseen."""
    running.readmit("ingest", "verify", "last")
    change = "UPDATE raw.train SET num_medications = num_medications {} 1 WHERE row_no = 12345"
    running.alter(change.format("+"))
    said = running.readmit("ingest", "verify", "last", expect=1)
    running.alter(change.format("-"))
    assert "raw.train: train, batch 0, chunk 24, row 12345, column num_medications" in said
    running.readmit("ingest", "verify", "last")


def test_the_alias_moved_in_mlflow_decides_what_serves(running: RunningStack):
    """People promote where they look at models; it is put on record like any other way."""
    before = champion(running)
    assert before["version"] == "2"
    mlflow(running, "POST", "registered-models/alias", name="readmission", alias="champion", version="1")
    wait_for(lambda: champion(running)["epoch"] == before["epoch"] + 1, "the move is taken up", timeout_s=75)
    after = champion(running)
    assert (after["version"], after["kind"], after["actor"]) == ("1", "rollback", "mlflow")
    wait_for(lambda: champion(running)["convergence"] == "converged", "the predictor follows")
    answer = running.json("predict")
    assert (answer["model"]["version"], answer["model"]["epoch"]) == ("1", after["epoch"])


def test_the_alias_on_a_strange_version_is_put_back_with_a_reason(running: RunningStack):
    """A version that this system did not train can't serve, and whoever tried is told why."""
    before = champion(running)
    source = "s3://readmit-mlflow/strange"
    strange = mlflow(running, "POST", "model-versions/create", name="readmission", source=source)["model_version"]
    number = strange["version"]
    mlflow(running, "POST", "registered-models/alias", name="readmission", alias="champion", version=number)
    found = "registered-models/alias?name=readmission&alias=champion"
    wait_for(
        lambda: mlflow(running, "GET", found)["model_version"]["version"] == before["version"],
        "the alias is put back",
        timeout_s=75,
    )
    tags = mlflow(running, "GET", f"model-versions/get?name=readmission&version={number}")["model_version"]["tags"]
    assert any("names no model that was trained here" in tag["value"] for tag in tags), tags
    assert champion(running)["epoch"] == before["epoch"]
