"""What dies or is away while a DAG runs: it costs time, or the DAG is red and says why; never a second effect."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from readmit_contracts.topics import TRAINING_COMMANDS
from support.airflow_api import AirflowApi
from support.running_stack import RunningStack, wait_for

ATTEMPTS = 6


@pytest.fixture(scope="module", autouse=True)
def _champion(running: RunningStack, airflow: AirflowApi) -> None:
    """Have rows, a model and a champion that serves."""
    run = airflow.run("readmission_pipeline")
    assert airflow.ended(run, timeout_s=180) == "success", airflow.failures(run)


def commands(running: RunningStack, outcome: str = "%") -> int:
    """Count the TrainModel commands that the trainer has on record."""
    return int(
        running.query(
            "SELECT count(*) FROM status.commands WHERE command_type = 'readmit.TrainModel.v1' AND outcome LIKE $1",
            outcome,
        )
    )


def test_kafka_down_at_a_publish_is_a_clear_error_and_the_retry_acts_once(running, airflow):
    """The stock operator is green and the command is gone."""
    before = commands(running)
    with running.stopped("kafka"):
        run = airflow.run("train_model", then="train")
        wait_for(lambda: airflow.states(run).get("ask") == "up_for_retry", "the publish has failed", timeout_s=90)
        said = airflow.log(run, "ask")
        assert "Kafka did not confirm the TrainModel" in said
        assert "the retry sends the same id" in said
    assert airflow.ended(run, timeout_s=180) == "success", airflow.failures(run)
    assert commands(running) == before + 1


def test_a_task_killed_between_publish_and_wait_publishes_the_same_command_again(running, airflow):
    """SIGKILL of the task's process as soon as Kafka has the command: two messages, one id, one effect."""
    before = commands(running)
    for attempt in range(1, ATTEMPTS + 1):
        run = killed_once_published(running, airflow)
        assert airflow.ended(run, timeout_s=120) == "success", airflow.failures(run)
        assert commands(running) == before + attempt
        if airflow.instances(run)["ask"]["try_number"] == 2:
            assert sent(running)[-2:] == [airflow.result(run, "ask")] * 2
            return
    pytest.fail(f"in {ATTEMPTS} attempts the task was always done before it could be killed")


def test_a_killed_triggerer_and_a_killed_scheduler_forget_no_wait(running, airflow):
    """What is deferred stands in Airflow's database."""
    with running.stopped("trainer"):
        run = airflow.run("train_model", then="train")
        wait_for(lambda: airflow.states(run).get("train") == "deferred", "the job is waited for")
        running.kill("airflow-triggerer")
        running.kill("airflow-scheduler")
    assert airflow.ended(run, timeout_s=180) == "success", airflow.failures(run)


def test_a_restart_of_postgres_is_waited_out(running, airflow):
    """The views are away for a while; that is no answer."""
    with running.stopped("trainer"):
        run = airflow.run("train_model", then="train")
        wait_for(lambda: airflow.states(run).get("train") == "deferred", "the job is waited for")
        running.kill("postgres")
        wait_for(lambda: running.pid("postgres"), "postgres runs again")
    assert airflow.ended(run, timeout_s=240) == "success", airflow.failures(run)


def test_many_waits_hold_no_worker_and_few_connections(running, airflow):
    """With four workers and a hundred connections for everybody, waits must leave room for others' work."""
    with running.stopped("trainer"):
        waits = [airflow.run("train_model", then="train") for _ in range(8)]
        for run in waits:
            wait_for(lambda run=run: airflow.states(run).get("train") == "deferred", "the job is waited for")
        assert running.query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'airflow'") <= 4
        other = airflow.run("prepare_tables")
        assert airflow.ended(other) == "success"
    for run in waits:
        assert airflow.ended(run, timeout_s=180) == "success", airflow.failures(run)


def test_a_replica_that_does_not_load_the_model_is_named_when_the_time_is_over(running, airflow):
    """The promotion stands; whoever looks has to know which process is behind."""
    running.readmit("ingest", "start", "--train", "0,1", "--then", "train_and_promote")
    other = "SELECT max(epoch) FROM status.promotions WHERE model_id <> (SELECT model_id FROM status.champions)"
    wait_for(lambda: running.query(other), "another model was champion once", timeout_s=120)
    wait_for(lambda: running.query("SELECT convergence FROM status.champions") == "converged", "it serves")
    with running.stopped("s3"):
        run = airflow.run("rollback_model", to_epoch=running.query(other), reason="a test", converge_within_s=20)
        assert airflow.ended(run, timeout_s=120) == "failed"
        said = airflow.log(run, "converge")
    replica = running.query("SELECT replica FROM status.replicas WHERE alive")
    assert "The time is over." in said
    assert replica in said
    wait_for(lambda: running.query("SELECT convergence FROM status.champions") == "converged", "the replica follows")


def test_without_a_living_replica_the_wait_says_so(running, airflow):
    """Green would mean that somebody is served."""
    with running.stopped("predictor"):
        wait_for(lambda: not running.query("SELECT count(*) FROM status.replicas WHERE alive"), "no replica lives")
        run = airflow.run("rollback_model", reason="a test", converge_within_s=5)
        assert airflow.ended(run) == "failed"
        assert "no predictor is alive" in airflow.log(run, "converge")


def test_a_burst_of_events_loses_none(running, airflow):
    """Airflow may make one run of many events, and may die meanwhile: the state after the last one is trained on."""
    airflow.pause("on_event_retrain", paused=False)
    for batch in range(5):
        running.readmit("ingest", "start", "--train", str(batch), "--then", "nothing")
        if batch == 2:
            running.kill("airflow-triggerer")
    after_the_last = (
        "SELECT count(*) FROM status.commands WHERE command_type = 'readmit.TrainModel.v1' AND outcome = 'applied' "
        "AND recorded_at > (SELECT max(finished_at) FROM status.runs WHERE state = 'completed')"
    )
    wait_for(lambda: running.query(after_the_last), "training was asked for after the last run", timeout_s=240)
    assert running.query("SELECT state FROM status.jobs ORDER BY finished_at DESC LIMIT 1") == "done"
    airflow.pause("on_event_retrain", paused=True)


def killed_once_published(running: RunningStack, airflow: AirflowApi) -> str:
    """Start a run, kill its first task's process at the moment in which Kafka has the command, and give the run."""
    with published(running) as next_command:
        run = airflow.run("train_model", then="train")
        pid = wait_for(lambda: process_of(airflow, run, "ask"), "the task's process runs")
        next_command()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return run


def process_of(airflow: AirflowApi, run: str, task_id: str) -> int | None:
    """Give the process in which a task runs: its title ends with the task instance's id."""
    instance = airflow.instances(run).get(task_id)
    for path in Path("/proc").glob("[0-9]*/cmdline") if instance else ():
        try:
            title = path.read_text()
        except OSError:
            continue
        if title.rstrip("\0 ").endswith(f"airflow worker -- {instance['id']}"):
            return int(path.parent.name)
    return None


@contextmanager
def published(running: RunningStack) -> Iterator:
    """Give a wait for the next training command in Kafka."""
    line = ["kcat", "-C", "-u", "-q", "-b", running.stack.kafka_bootstrap, "-t", TRAINING_COMMANDS.name, "-o", "end"]
    with subprocess.Popen([*line, "-f", "%o\n", "-X", "fetch.wait.max.ms=5"], stdout=subprocess.PIPE) as reader:
        time.sleep(1)  # it has to stand at the end before anything is published
        yield reader.stdout.readline
        reader.terminate()


def sent(running: RunningStack) -> list[str]:
    """Give the id of every training command in Kafka, in order."""
    said = running.readmit("topics", "tail", TRAINING_COMMANDS.name, "--from-beginning", "--no-follow", "--json")
    return [json.loads(line)["id"] for line in said.splitlines()]
