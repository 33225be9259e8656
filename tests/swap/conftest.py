"""The stack of the swap test, and its last word."""

from collections.abc import Callable, Iterator

import pytest
from readmit_cli.stack.programs import INFRASTRUCTURE
from support.running_stack import RunningStack
from support.stack import temporary_stack

VERDICTS = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def running() -> Iterator[RunningStack]:
    """Give a stack with what promotes models; the test starts the predictors by itself."""
    with temporary_stack() as stack:
        stack.up([*INFRASTRUCTURE, "trainer"])
        yield RunningStack(stack)


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Iterator[Callable[[str], None]]:
    """Give a way to say what has to stand at the end, under all that pytest says."""
    said = request.config.stash.setdefault(VERDICTS, [])
    yield said.append
    if not said:
        said.append("FAIL: it ended before there was a verdict")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say it."""
    for verdict in config.stash.get(VERDICTS, []):
        print(verdict)  # noqa: T201 - the verdict of a run
