"""What a service knows of itself, against a real Postgres."""

import asyncio

import pytest
from readmit_runtime.consumer_progress import ConsumerProgress
from readmit_runtime.database import DirectConnection, create_pool
from readmit_runtime.errors import Transient
from readmit_runtime.observation import Observation
from readmit_runtime.settings import PostgresSettings
from support.outbox_rig import add, record, until


class Seen:
    """Gauges that remember."""

    def __init__(self) -> None:
        self.looks: list[tuple[int, float]] = []

    def observe(self, *, behind: int, outbox_age_s: float) -> None:
        """Remember a look."""
        self.looks.append((behind, outbox_age_s))


async def test_a_look_tells_what_waits_and_proves_that_the_loop_turns(
    connection: DirectConnection, schema: str, database_settings: PostgresSettings
) -> None:
    """An operator has to see an outbox that nobody empties, and a supervisor a loop that stands."""
    await add(connection, schema, record("waiting"))
    progress, seen, stop = ConsumerProgress(behind=7), Seen(), asyncio.Event()
    async with create_pool(database_settings) as pool:
        observation = Observation(pool, schema, progress, gauges=seen)
        with pytest.raises(Transient):
            await observation.consuming()
        running = asyncio.create_task(observation.run(stop))
        await until(lambda: bool(seen.looks))
        assert seen.looks[0][0] == 7
        assert seen.looks[0][1] > 0
        assert observation.heartbeat.alive()
        await observation.postgres_answers()
        progress.started = True
        await observation.consuming()
        stop.set()
        await running
