"""A stack that is looked at while it works."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from readmit_cli.stack.prometheus import targets_folder
from readmit_load import locust_process
from readmit_load.report import MEASURING_FILE
from readmit_load.run_metrics import FAILURES, REQUESTS
from support.predictor_process import free_port
from support.running_stack import RunningStack, wait_for
from support.scraped import value
from support.stack import temporary_stack

USERS = 50
PREDICT = "POST /v1/predict"
LONGER_THAN_ANY_RUN_S = 3_600


@pytest.fixture(scope="session")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Give a stack that ingested, trained and promoted, and answers predictions all the while."""
    with temporary_stack() as stack:
        stack.up()
        running = RunningStack(stack)
        running.readmit("ingest", "start", "--train", "next:1", "--validation", "all", "--test", "all")
        converged = ("models", "converge", "--timeout", "5")
        wait_for(lambda: running.finds(*converged), "the model serves", timeout_s=240)
        with _asked_all_the_while(running, tmp_path_factory.mktemp("load")):
            yield running


@contextmanager
def _asked_all_the_while(running: RunningStack, out: Path) -> Iterator[None]:
    """Let Locust ask, as it does in a load test, and find no failure in all of it."""
    addresses = running.stack.addresses
    target = locust_process.Target([addresses.service("predictor")], addresses.access_key)
    port = free_port()
    options = {
        "--load-users": USERS,
        "--seconds": LONGER_THAN_ANY_RUN_S,
        "--metrics-port": port,
        "--metrics-target": str(targets_folder(running.stack.state) / "loadtest.json"),
    }
    words = locust_process.command(target, shape="smoke", out=out, options=options)
    with subprocess.Popen(words, env=locust_process.environment(target.key, None)) as asking:
        try:
            wait_for((out / MEASURING_FILE).exists, "the load is there")
            yield
            assert asking.poll() is None, "the load ended by itself"
            told = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=20, trust_env=False).text
            assert value(told, REQUESTS.name, endpoint=PREDICT) > 0
            assert value(told, FAILURES.name, endpoint=PREDICT) == 0
        finally:
            asking.terminate()
