"""One whole stack for all end-to-end tests: it takes half a minute to start."""

from collections.abc import Iterator

import pytest
from support.running_stack import RunningStack
from support.stack import temporary_stack


@pytest.fixture(scope="session")
def running() -> Iterator[RunningStack]:
    """Give a stack with every part up."""
    with temporary_stack() as stack:
        stack.up()
        yield RunningStack(stack)


@pytest.fixture
def emptied(running: RunningStack) -> RunningStack:
    """Give the stack with an empty store."""
    if any(table["rows"] for table in running.json("status")["store"]["tables"]):
        running.readmit("ingest", "reset", "--reason", "next test", "--yes")
    return running
