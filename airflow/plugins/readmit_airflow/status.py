"""Reach the status views by Airflow's connection to them."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

import asyncpg
from airflow.sdk import Connection

from readmit_airflow.views import ANSWER_S, StatusViews, connect, open_pool

STATUS = "readmit_status"
SHARED_CONNECTIONS = 4

# A triggerer holds hundreds of waits, and Postgres a hundred connections for everybody.
_POOLS: MutableMapping[asyncio.AbstractEventLoop, "asyncpg.Pool[Any]"] = WeakKeyDictionary()


@asynccontextmanager
async def status_views() -> AsyncIterator[StatusViews]:
    """Connect for the block; raises what is in views.AWAY."""
    connection = await connect(**await _place())
    try:
        yield StatusViews(connection)
    finally:
        connection.terminate()


@asynccontextmanager
async def shared_views() -> AsyncIterator[StatusViews]:
    """Lend one of the few connections that all waits of this process share; raises what is in views.AWAY."""
    loop = asyncio.get_running_loop()
    if loop not in _POOLS:
        pool = await open_pool(SHARED_CONNECTIONS, **await _place())
        _POOLS.setdefault(loop, pool)  # another wait may have come first; a pool that is not used has no connection
    async with _POOLS[loop].acquire(timeout=ANSWER_S) as connection:
        yield StatusViews(connection)


async def _place() -> dict[str, Any]:
    place = await Connection.async_get(STATUS)
    return {
        "host": place.host,
        "port": place.port,
        "database": place.schema,
        "user": place.login,
        "password": place.password,
    }
