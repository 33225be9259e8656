"""The plugin's own decisions: which id a command has, what a form may say, which event starts a DAG."""

import json
import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from readmit_airflow import commands, publishing
from readmit_airflow.events import CompletedRuns, completed_run
from readmit_airflow.forms import refuse_unknown
from readmit_airflow.mlflow_link import mlflow_url
from readmit_airflow.publishing import PublishCommand
from readmit_airflow.waiting import AwaitEffect, EffectTrigger

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
COMPLETED = {"run_id": "11111111-2222-3333-4444-555555555555", "then": "nothing", "training_set": {"batches": []}}


def place(run_id: str = "manual__1", *, map_index: int = -1, try_number: int = 1, day: int = 1) -> dict[str, Any]:
    """Give a context of one attempt of a task."""
    ti = SimpleNamespace(dag_id="train_model", run_id=run_id, task_id="ask", map_index=map_index, try_number=try_number)
    return {"ti": ti, "dag_run": SimpleNamespace(run_after=datetime(2026, 1, day, tzinfo=UTC))}


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes]]:
    """Collect what would go to Kafka, as id and bytes."""
    sent: list[tuple[str, bytes]] = []
    monkeypatch.setattr(publishing, "publish", lambda _command, value, id_, _trace: sent.append((id_, value)))
    return sent


def train(*, force: bool = False, **options: Any) -> PublishCommand:
    """Give a task that asks for training."""
    arguments = {"model": "readmission", "then": "train", "force": force}
    return PublishCommand(task_id="ask", make=commands.train_model, arguments=arguments, **options)


def test_a_retry_publishes_the_same_command_and_another_run_another(published):
    """The system acts once on one id, whatever was killed in between."""
    for context in (place(), place(try_number=2), place("manual__2"), place(map_index=0)):
        train().execute(context)
    first, retry, other_run, mapped = published
    assert first == retry
    assert len({first[0], other_run[0], mapped[0]}) == 3


def test_a_run_that_is_made_again_under_its_old_name_is_not_answered_by_the_old_one(published):
    """Green would mean something that was never asked for."""
    train().execute(place("nightly"))
    train().execute(place("nightly", day=2))
    train(force=True).execute(place("nightly"))
    assert len({command_id for command_id, _ in published}) == 3


def test_two_runs_with_one_cause_publish_one_command(published):
    """Two DAG runs that were woken for the same completed run ask once."""
    for context in (place(), place("manual__2", map_index=3)):
        train(cause="run-1").execute(context)
    train(cause="run-2").execute(place())
    assert published[0] == published[1] != published[2]


def test_a_command_against_its_schema_is_not_published_and_not_retried(published):
    """What the services would refuse anyway is refused here, with the place."""
    task = PublishCommand(
        task_id="ask", make=commands.train_model, arguments={"model": "Not A Name", "then": "train", "force": False}
    )
    with pytest.raises(AirflowFailException, match=r"\$\.model"):
        task.execute(place())
    assert not published


def test_a_parameter_that_the_dag_does_not_have_is_refused():
    """A typing error must not end as a green run that did something else."""
    dag = SimpleNamespace(dag_id="prepare_tables", params={"reset": False})
    refuse_unknown({"dag": dag, "dag_run": SimpleNamespace(conf={"reset": True})})
    refuse_unknown({"dag": dag, "dag_run": SimpleNamespace(conf=None)})
    with pytest.raises(AirflowFailException, match="no parameter resett; it has reset"):
        refuse_unknown({"dag": dag, "dag_run": SimpleNamespace(conf={"resett": True})})


@pytest.mark.parametrize(
    ("uri", "page"),
    [
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000/#/models/readmission/versions/3"),
        ("https://mlflow.example.org", "https://mlflow.example.org/#/models/readmission/versions/3"),
        ("https://example.org:443/mlflow", "https://example.org:443/mlflow/#/models/readmission/versions/3"),
    ],
)
def test_the_button_leads_to_where_mlflow_is(monkeypatch: pytest.MonkeyPatch, uri: str, page: str):
    """Also behind a name, a port or a path of its own."""
    monkeypatch.setenv("AIRFLOW_CONN_READMIT_MLFLOW", uri)
    assert mlflow_url({"model": "readmission", "version": "3"}) == page
    assert mlflow_url({"model": "readmission", "version": None}) == ""


def test_a_whole_number_with_a_fraction_of_zero_is_a_whole_number():
    """Forms take 1.0 for an integer, the services do not."""
    value = commands.rollback_model(model="m", to_epoch=1.0, expected_epoch=None, reason="r", actor="a").value
    assert (
        publishing.contract.encode(value)
        == b'{"actor":"a","expected_epoch":null,"model":"m","reason":"r","to_epoch":1}'
    )


def test_a_run_over_nothing_is_refused(published):
    """A form that selects no batch is a mistake, and not an empty success."""
    arguments = {"train": "none", "validation": "none", "test": "none", "then": "nothing"}
    with pytest.raises(AirflowFailException, match="at least one of train"):
        PublishCommand(task_id="ask", make=commands.start_ingestion, arguments=arguments).execute(place())
    assert not published


@pytest.mark.parametrize("text", ["none", "all", "next:1", "next:20", "0", "0,1", "12,3,99999"])
def test_a_form_takes_every_selection_that_a_command_can_hold(text: str):
    """And the command reads what the form took."""
    assert re.search(commands.SELECTION, text)
    if text != "none":
        assert commands.start_ingestion(train=text, validation="none", test="none", then="nothing").value["batches"]


@pytest.mark.parametrize(
    "text", ["", "All", "next:0", "next:", "1,", "-1", "1;2", "{{ conf }}", "100000", "all\n", "1 "]
)
def test_a_form_takes_no_other_selection(text: str):
    """Refused when the run is triggered, before anything is published."""
    assert not re.search(commands.SELECTION, text)


@pytest.mark.parametrize(
    ("change", "starts"),
    [
        ({}, True),
        ({"then": "train"}, False),
        ({"then": "train_and_promote"}, False),
        ({"training_set": None}, False),
    ],
)
def test_only_a_completed_run_that_nothing_follows_starts_the_dag(change: dict[str, Any], starts: bool):
    """Other events share the topic, and runs of the pipeline are followed by the pipeline."""
    event = {name: value for name, value in {**COMPLETED, **change}.items() if value is not None}
    assert (completed_run(json.dumps(event).encode()) is not None) == starts


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"[]", b"1", b"{", b'"training_set"'])
def test_an_unreadable_message_starts_nothing_and_stops_nothing(value: bytes | None):
    """The trigger lives on: what can't be read is parked by the services."""
    assert completed_run(value) is None


def test_the_event_trigger_is_made_again_as_it_was():
    """The triggerer makes it from what the database holds."""
    path, arguments = CompletedRuns().serialize()
    assert path == "readmit_airflow.events.CompletedRuns"
    assert CompletedRuns(**arguments).serialize() == (path, arguments)


def test_a_wait_is_made_again_with_its_deadline():
    """A triggerer that dies must not give a wait its whole time again."""
    trigger = EffectTrigger("tables_clean", {}, until=123.5)
    path, arguments = trigger.serialize()
    assert path == "readmit_airflow.waiting.EffectTrigger"
    assert EffectTrigger(**arguments).serialize() == (path, arguments)


def test_a_wait_for_what_is_no_effect_is_refused_when_the_dag_is_read():
    """A typing error is seen before a run, not in it."""
    with pytest.raises(ValueError, match="is no effect; there are"):
        AwaitEffect(task_id="wait", effect="tables_cleaned", within_s=1)


def test_a_failed_effect_fails_the_task_for_good_with_the_systems_sentence():
    """Another try would ask the same and hear the same."""
    task = AwaitEffect(task_id="wait", effect="tables_clean", within_s=1)
    with pytest.raises(AirflowFailException, match="The command was refused"):
        task.ended({}, {"kind": "Failed", "said": "The command was refused (X): y", "result": {}})


def test_a_publish_without_a_broker_fails_with_what_to_do(monkeypatch: pytest.MonkeyPatch):
    """The stock operator only logs this, and is green."""
    monkeypatch.setenv("AIRFLOW_CONN_READMIT_KAFKA", "kafka://?bootstrap.servers=127.0.0.1%3A1&delivery.timeout.ms=300")
    monkeypatch.setattr(publishing, "CONFIRMED_WITHIN_S", 2.0)
    command = commands.train_model(model="readmission", then="train", force=False)
    with pytest.raises(AirflowException, match=r"did not confirm the TrainModel some-id .*the retry sends the same id"):
        publishing.publish(command, b"{}", "some-id", TRACE)
