"""Fixtures for what Airflow reads: its modules without Airflow, on a real database, in the reader's role."""

import importlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import ModuleType
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
def plugin(monkeypatch) -> Iterator[Callable[[str], ModuleType]]:
    """Give the plugin's modules by name, imported by their folder as Airflow does."""
    monkeypatch.syspath_prepend(str(PLUGINS))
    yield lambda name: importlib.import_module(f"readmit_airflow.{name}")
    for name in [name for name in sys.modules if name.partition(".")[0] == "readmit_airflow"]:
        del sys.modules[name]


@pytest.fixture
def open_views(service_database, plugin) -> Callable[[], AbstractAsyncContextManager[Any]]:
    """Give a way to open the views as the reader."""
    settings = service_database("readmit_reader")
    place = settings.model_dump(include={"host", "port", "database", "user"})

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        connection = await plugin("views").connect(**place, password=settings.password.get_secret_value())
        try:
            yield plugin("views").StatusViews(connection)
        finally:
            await connection.close()

    return opened


@pytest.fixture
def look(open_views, plugin) -> Callable[..., Awaitable[Any]]:
    """Give a look for an effect, as the triggerer does it: `await look("split_ingested", command_id=..., ...)`."""

    async def once(effect: str, **arguments: Any) -> Any:
        async with open_views() as views:
            return await plugin("effects").EFFECTS[effect](views, **arguments)

    return once
