"""Fixtures for what Airflow reads: its modules without Airflow, on a real database, in the reader's role."""

import importlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from readmit_runtime.database import Connection, connect
from support.generated_text import ROOT
from support.planned_store import PlannedStore

PLUGINS = ROOT / "airflow" / "plugins"
TABLES = (
    "ingest.inbox, ingest.datasets, ingest.batches, ingest.chunks, ingest.runs, training.inbox, training.jobs, "
    "training.models, training.decisions, training.promotions, training.champions, training.replicas, raw.train, "
    "raw.validation, raw.test, clean.train, clean.validation, clean.test"
)


@pytest.fixture
async def admin(database_settings) -> AsyncIterator[Connection]:
    """Give the database as its owner, empty."""
    connection = await connect(database_settings)
    await connection.execute(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE")
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
def store(admin, service_database, tmp_path) -> PlannedStore:
    """Give an empty store; the ingestor's part is done in its own role."""
    return PlannedStore(admin, service_database("readmit_ingestor"), tmp_path)


@pytest.fixture
def look(service_database, monkeypatch) -> Callable[..., Awaitable[Any]]:
    """Give a look for an effect, as the triggerer does it: `await look("split_ingested", command_id=..., ...)`."""
    monkeypatch.syspath_prepend(str(PLUGINS))
    effects, views = (importlib.import_module(f"readmit_airflow.{name}") for name in ("effects", "views"))
    settings = service_database("readmit_reader")
    place = settings.model_dump(include={"host", "port", "database", "user"})

    async def once(effect: str, **arguments: Any) -> Any:
        async with views.open_views(**place, password=settings.password.get_secret_value()) as opened:
            return await effects.EFFECTS[effect](opened, **arguments)

    yield once
    for name in [name for name in sys.modules if name.partition(".")[0] == "readmit_airflow"]:
        del sys.modules[name]
