"""What a service knows of itself, against a real Postgres."""

import asyncio

import pytest
from readmit_runtime.consumer_progress import ConsumerProgress
from readmit_runtime.database import Connection, DirectConnection, create_pool
from readmit_runtime.errors import Transient
from readmit_runtime.observation import Observation
from readmit_runtime.outbox import oldest_age_s
from readmit_runtime.settings import PostgresSettings
from support.outbox_rig import add, record, until


async def test_a_look_tells_what_waits_and_proves_that_the_loop_turns(
    connection: DirectConnection, schema: str, database_settings: PostgresSettings
) -> None:
    """An operator has to see an outbox that nobody empties, and a supervisor a loop that stands."""
    await add(connection, schema, record("waiting"))
    progress, ages, stop = ConsumerProgress(), list[float](), asyncio.Event()

    async def look(connection: Connection) -> None:
        ages.append(await oldest_age_s(connection, schema))

    async with create_pool(database_settings) as pool:
        observation = Observation(pool, look, progress)
        with pytest.raises(Transient):
            await observation.consuming()
        running = asyncio.create_task(observation.run(stop))
        await until(lambda: bool(ages))
        assert ages[0] > 0
        assert observation.heartbeat.alive()
        await observation.postgres_answers()
        progress.started = True
        await observation.consuming()
        stop.set()
        await running
