"""One whole stack for all end-to-end tests of a process: it takes half a minute to start."""

from collections.abc import Iterator

import pytest
from support.running_stack import RunningStack
from support.stack import temporary_stack


@pytest.fixture(scope="session")
def running() -> Iterator[RunningStack]:
    """Give a stack with every part up."""
    with pytest.MonkeyPatch.context() as environment, temporary_stack() as stack:
        # The trainer inherits it. That the alias is heeded is the claim, not that it takes half a minute.
        environment.setenv("READMIT_TRAINER_MLFLOW__ALIAS_EVERY_S", "3")
        stack.up()
        yield RunningStack(stack)


@pytest.fixture
def emptied(running: RunningStack) -> RunningStack:
    """Give the stack with an empty store."""
    if any(table["rows"] for table in running.json("status")["store"]["tables"]):
        running.readmit("ingest", "reset", "--reason", "next test", "--yes")
    return running
