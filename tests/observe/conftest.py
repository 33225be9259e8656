"""A stack that is looked at while it works."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from readmit_contracts.predictions import example_encounter
from support.running_stack import RunningStack, wait_for
from support.stack import temporary_stack

PAUSE_S = 0.05


@pytest.fixture(scope="session")
def observed() -> Iterator[RunningStack]:
    """Give a stack that ingested, trained and promoted, and answers predictions all the while."""
    with temporary_stack() as stack:
        stack.up()
        running = RunningStack(stack)
        running.readmit("ingest", "start", "--train", "next:1", "--validation", "all", "--test", "all")
        converged = ("models", "converge", "--timeout", "5")
        wait_for(lambda: running.finds(*converged), "the model serves", timeout_s=240)
        with _asked_all_the_while(running):
            yield running


@contextmanager
def _asked_all_the_while(running: RunningStack) -> Iterator[None]:
    addresses = running.stack.addresses
    done = threading.Event()

    def ask() -> None:
        authorization = {"Authorization": f"Bearer {addresses.access_key}"}
        with httpx.Client(base_url=addresses.service("predictor"), headers=authorization, timeout=20) as client:
            while not done.wait(PAUSE_S):
                client.post("/v1/predict", json=example_encounter()).raise_for_status()

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
        assert asking.is_alive(), "a prediction was refused; the traceback is above"
    finally:
        done.set()
        asking.join()
