"""One whole stack with Airflow and the project's own DAGs for all of these tests; some build on the one before.

Run by the workspace's Python: `.venv/bin/pytest airflow/tests/stack`.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "tests"))

from readmit_cli.stack.parts import default_parts
from support.airflow_api import AirflowApi
from support.running_stack import RunningStack
from support.stack import temporary_stack


@pytest.fixture(scope="session")
def running() -> Iterator[RunningStack]:
    """Give a stack with every part up."""
    with temporary_stack() as stack:
        stack.up(default_parts(with_airflow=True))
        yield RunningStack(stack)


@pytest.fixture(scope="session")
def airflow(running: RunningStack) -> AirflowApi:
    """Give Airflow's REST interface as the admin."""
    return AirflowApi(running.stack.airflow())
