"""Fixtures of the local stack's tests."""

from collections.abc import Iterator

import pytest
from readmit_cli.stack.programs import KAFKA, POSTGRES, S3
from readmit_cli.stack.stack import Stack
from support.stack import temporary_stack

INFRASTRUCTURE = (KAFKA, POSTGRES, S3)


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Stack]:
    """Give a running stack that tests may hurt; MLflow is left out for its time."""
    with temporary_stack() as stack:
        stack.up(INFRASTRUCTURE)
        yield stack
