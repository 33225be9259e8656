"""Tests of `readmit up|down|logs|doctor` as a person or a script runs them."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from support.stack import free_ports


@pytest.fixture(scope="module")
def readmit():
    """Give the command on a state directory and ports of its own; the stack is stopped afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="readmit-command-"))
    folder.chmod(0o755)
    ports = {f"READMIT_PORT_{name.upper()}": str(port) for name, port in free_ports().model_dump().items()}
    environment = os.environ | ports | {"READMIT_STATE": str(folder / "state")}

    def run(*arguments):
        command = [sys.executable, "-m", "readmit_cli", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    yield run
    run("down")
    shutil.rmtree(folder)


def test_doctor_on_a_machine_without_a_running_stack_is_content(readmit):
    """A stack that nobody started is no fault."""
    done = readmit("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert "readmit up" in done.stdout


def test_logs_of_a_stack_that_never_was_say_what_to_do(readmit):
    """A traceback would not."""
    done = readmit("logs")
    assert done.returncode == 1
    assert "readmit up" in done.stderr
    assert "Traceback" not in done.stderr


def test_down_without_a_stack_is_no_error(readmit):
    """`make clean` begins with it."""
    assert readmit("down").returncode == 0


def test_up_prints_json_for_machines_and_says_what_it_started(readmit):
    """Scripts read the addresses from it, and whether something was down."""
    first = readmit("up", "--without-mlflow", "--no-airflow", "--json")
    assert first.returncode == 0, first.stderr
    started = json.loads(first.stdout)["started"]
    assert {"kafka", "postgres", "s3"} <= set(started)
    again = readmit("up", "--without-mlflow", "--no-airflow", "--json")
    assert again.returncode == 0, again.stderr
    second = json.loads(again.stdout)
    assert second["started"] == []
    assert {part["state"] for part in second["parts"].values()} == {"RUNNING"}


def test_up_shows_a_person_every_part_and_its_address(readmit):
    """The table is what a newcomer looks at first."""
    done = readmit("up", "--without-mlflow", "--no-airflow")
    assert "Already up" in done.stdout
    assert {"kafka", "postgres", "s3"} <= set(done.stdout.split())


def test_doctor_checks_the_parts_that_run(readmit):
    """One command to look at before asking somebody."""
    done = readmit("doctor", "--json")
    assert done.returncode == 0, done.stdout
    assert {"kafka", "postgres", "s3"} <= {check["name"] for check in json.loads(done.stdout)["stack"]}


def test_logs_print_the_end_of_one_program(readmit):
    """The broker always has something to say."""
    done = readmit("logs", "kafka", "--lines", "3")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 3


def test_logs_of_an_unknown_program_are_a_usage_error(readmit):
    """A script must be able to tell a typing error from a failure."""
    done = readmit("logs", "kafak")
    assert done.returncode == 2
    assert "kafka" in done.stderr


def test_down_stops_everything(readmit):
    """Afterwards the machine is as before, but for the data."""
    assert readmit("down").returncode == 0
    assert "the stack is down" in readmit("doctor").stdout


def test_down_forget_leaves_nothing(readmit):
    """`make clean` promises it."""
    assert readmit("down", "--forget").returncode == 0
    assert "never started" in readmit("doctor").stdout
