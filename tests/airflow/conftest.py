"""One stack with Airflow for all of these tests: it takes half a minute to start."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.programs import AIRFLOW
from readmit_cli.stack.stack import Stack
from support.airflow_api import AirflowApi
from support.stack import temporary_stack


class OwnDags(Checkout):
    """This checkout, but with the DAGs of these tests."""

    @property
    def dags(self) -> Path:
        """The folder beside this file."""
        return Path(__file__).with_name("dags")


@pytest.fixture(scope="module")
def airflow_stack() -> Iterator[Stack]:
    """Give a stack with Airflow, and what it cannot do without."""
    checkout = OwnDags(Checkout.find().root)
    if not checkout.airflow.is_file():
        pytest.fail("Airflow is not installed; `make install` installs it.")
    with temporary_stack(checkout=checkout) as stack:
        stack.up(AIRFLOW)
        yield stack


@pytest.fixture(scope="module")
def airflow(airflow_stack: Stack) -> AirflowApi:
    """Give its REST interface as the admin."""
    return AirflowApi(airflow_stack.airflow())
