"""Fixtures of the tests that need real servers."""

import os

import pytest


@pytest.fixture(scope="session")
def kafka_bootstrap() -> str:
    """Return the bootstrap address of a real broker without authentication."""
    address = os.environ.get("READMIT_TEST_KAFKA")
    if not address:
        pytest.skip("READMIT_TEST_KAFKA is not set to a broker's host:port")
    return address
