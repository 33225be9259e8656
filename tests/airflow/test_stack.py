"""Tests of Airflow as the stack starts it; in their order, the last ones stop it."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import sql
from readmit_cli.stack.airflow_environment import AIRFLOW_DATABASE
from readmit_cli.stack.credentials import AIRFLOW_LOGIN
from readmit_cli.stack.ports import is_free
from readmit_cli.stack.processes import is_alive, orphans
from readmit_cli.stack.programs import AIRFLOW, AIRFLOW_EXPORTER, KAFKA, POSTGRES
from readmit_cli.stack.running_parts import check_running_parts
from readmit_cli.stack.topics import EVERY_TOPIC
from support import listening
from support.airflow_api import AirflowApi
from support.running_stack import wait_for

DAG, TASK = "stack_reach", "reach"
SCHEDULER = "airflow-scheduler"


def test_all_parts_are_healthy(airflow_stack):
    """A scheduler that does not live is seen by nobody until the first run waits for ever."""
    checks = list(check_running_parts(airflow_stack))
    assert {check.name for check in checks} == {"supervisor", KAFKA, POSTGRES, *AIRFLOW, AIRFLOW_EXPORTER}
    assert [check for check in checks if check.verdict != "ok"] == []


def test_nothing_listens_on_another_address_than_loopback(airflow_stack):
    """Airflow's servers for logs and health would listen on every address of the machine."""
    found = listening.addresses(orphans(airflow_stack.state.root))
    ports = airflow_stack.ports
    expected = (ports.airflow, ports.airflow_exporter, ports.postgres)
    kafka = (ports.kafka, ports.kafka_controller, ports.kafka_metrics)
    assert found == {f"127.0.0.1:{port}" for port in (*expected, *kafka)}


def test_no_secret_is_on_a_command_line(airflow_stack):
    """Every user of the machine can read those."""
    secrets = json.loads(airflow_stack.state.credentials.read_text()).values()
    lines = [(Path("/proc") / str(pid) / "cmdline").read_text() for pid in orphans(airflow_stack.state.root)]
    assert len([line for line in lines if "airflow" in line]) >= len(AIRFLOW)
    assert not [line for line in lines if any(secret in line for secret in secrets)]


def test_airflows_home_is_closed_to_others(airflow_stack):
    """The passwords of its users and the logs of all tasks are in it."""
    assert airflow_stack.state.airflow.stat().st_mode & 0o077 == 0


def test_a_wrong_password_is_refused(airflow_stack):
    """Its page would else be open to every user of the machine."""
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        AirflowApi(replace(airflow_stack.airflow(), password="wrong"))


def test_the_viewer_looks_and_changes_nothing(airflow_stack):
    """Somebody who is only shown the runs must not start one."""
    viewer = AirflowApi(airflow_stack.airflow("viewer"))
    assert viewer.get("/monitor/health")["scheduler"]["status"] == "healthy"
    assert viewer.trigger(DAG).status_code == httpx.codes.FORBIDDEN


def test_a_task_reaches_what_its_connections_name(airflow_stack, airflow):
    """The DAGs know the system by these four connections alone."""
    run = airflow.run(DAG)
    assert airflow.ended(run) == "success", airflow.log(run, TASK)
    found = airflow.get(f"{run}/taskInstances/{TASK}/xcomEntries/return_value")["value"]
    every_topic = sorted(topic.name for topic in EVERY_TOPIC)
    assert found["topics"] == {"readmit_kafka": every_topic, "readmit_kafka_events": every_topic}
    assert found["status"] == ["readmit_reader", 0]
    assert found["mlflow"] == airflow_stack.mlflow_uri


def test_the_log_of_a_task_is_read_while_it_runs_and_afterwards(airflow):
    """Nothing serves the logs of the workers, therefore the page must find them by itself."""
    run = airflow.run(DAG, wait_s=6)
    wait_for(lambda: "reaching out" in airflow.log(run, TASK), "the running task's log is shown")
    assert airflow.get(run)["state"] == "running"
    assert airflow.ended(run) == "success"
    assert "reaching out" in airflow.log(run, TASK)


@pytest.mark.parametrize(("login", "database"), [(AIRFLOW_LOGIN, "readmit"), ("readmit_reader", AIRFLOW_DATABASE)])
def test_the_databases_are_closed_to_each_others_logins(airflow_stack, login, database):
    """A hole in Airflow must not open the store."""
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(airflow_stack.database(login, database).url())


def test_what_tasks_log_in_as_reads_the_views_of_status_and_nothing_else(airflow_stack):
    """A DAG shows what became of its commands; rows of patients are none of its business."""
    relations = (
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN "
        "('r', 'v', 'm', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"
    )
    with psycopg.connect(airflow_stack.addresses.superuser("readmit").url()) as session:
        names = session.execute(relations).fetchall()
    readable = set()
    with psycopg.connect(airflow_stack.database("readmit_reader").url(), autocommit=True) as session:
        for schema, relation in names:
            try:
                session.execute(sql.SQL("SELECT FROM {} LIMIT 0").format(sql.Identifier(schema, relation)))
            except psycopg.errors.InsufficientPrivilege:
                continue
            readable.add((schema, relation))
    assert readable == {name for name in names if name[0] == "status"}
    assert len(readable) > 5
    assert len(readable) < len(names)


def test_a_killed_scheduler_comes_back_and_runs_what_was_asked_for_meanwhile(airflow_stack, airflow):
    """A kill -9 must be boring: nobody types a command after it, and no run is forgotten."""
    killed = airflow_stack.supervisor.states()[SCHEDULER].pid
    os.kill(killed, signal.SIGKILL)
    run = airflow.run(DAG)
    assert airflow.ended(run) == "success"
    assert airflow_stack.supervisor.states()[SCHEDULER].pid not in (0, killed)


def test_down_leaves_nothing_not_even_a_task(airflow_stack, airflow):
    """The workers of a killed scheduler, too, are processes that somebody would find weeks later."""
    run = airflow.run(DAG, wait_s=600)
    wait_for(lambda: "reaching out" in airflow.log(run, TASK), "the task runs")
    pids = orphans(airflow_stack.state.root)
    assert airflow_stack.down()
    assert [pid for pid in pids if is_alive(pid)] == []
    assert orphans(airflow_stack.state.root) == []
    assert [name for name, port in airflow_stack.ports.model_dump().items() if not is_free(port)] == []


def test_a_second_start_migrates_nothing_and_runs_again_what_was_interrupted(airflow_stack):
    """A migration takes as long as the rest of the start, and a task's command acts once however often it is sent."""
    migrations = airflow_stack.state.log("airflow-migrations")
    said = migrations.read_text()
    airflow_stack.up(AIRFLOW)
    assert migrations.read_text() == said
    airflow = AirflowApi(airflow_stack.airflow())
    (interrupted,) = airflow.get(f"/dags/{DAG}/dagRuns?state=running")["dag_runs"]
    run = f"/dags/{DAG}/dagRuns/{interrupted['dag_run_id']}"
    wait_for(lambda: "reaching out" in airflow.log(run, TASK, attempt=2), "it runs again", timeout_s=90)
