"""What a service knows of itself, against a real Postgres."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from readmit_runtime import database, observation
from readmit_runtime.consumer_progress import ConsumerProgress
from readmit_runtime.database import Connection, DirectConnection, answers, create_pool
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


class SilentWay:
    """A way to Postgres that takes everything, and lets nothing through while `open` is not set."""

    def __init__(self, beyond: PostgresSettings) -> None:
        self._beyond = beyond
        self.open = asyncio.Event()
        self.open.set()

    @asynccontextmanager
    async def settings(self) -> AsyncIterator[PostgresSettings]:
        """Give what leads over this way."""
        async with await asyncio.start_server(self._lead, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            yield self._beyond.model_copy(update={"host": host, "port": port})

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.open.wait()
        from_beyond, to_beyond = await asyncio.open_connection(self._beyond.host, self._beyond.port)
        await asyncio.gather(self._carry(reader, to_beyond), self._carry(from_beyond, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):  # an end that was given up says no goodbye
            while data := await reader.read(65_536):
                await self.open.wait()
                writer.write(data)
        writer.close()


async def test_a_question_to_a_postgres_that_is_silent_holds_its_connection_for_seconds(
    database_settings: PostgresSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readiness is asked for every five: the pool would be empty until a minute after the last question."""
    monkeypatch.setattr(database, "ANSWER_S", 1.0)
    way = SilentWay(database_settings)
    async with way.settings() as settings, create_pool(settings) as pool:
        await answers(pool)
        way.open.clear()
        try:
            async with asyncio.timeout(5):
                with pytest.raises(Transient):
                    await answers(pool)
        finally:
            way.open.set()
        await answers(pool)


async def test_a_postgres_that_falls_silent_within_a_look_does_not_make_the_process_seem_dead(
    database_settings: PostgresSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection is given back once what was cancelled on it has ended, which takes a minute if nobody objects."""
    monkeypatch.setattr(observation, "EVERY_S", 0.3)
    way, looks, stop = SilentWay(database_settings), list[int](), asyncio.Event()

    async def look(connection: Connection) -> None:
        looks.append(await connection.fetchval("SELECT 1"))

    async with way.settings() as settings, create_pool(settings) as pool:
        observed = Observation(pool, look)
        running = asyncio.create_task(observed.run(stop))
        try:
            await until(lambda: len(looks) > 1)
            way.open.clear()
            for _ in range(15):
                await asyncio.sleep(0.3)
                assert observed.heartbeat.alive()
            seen = len(looks)
            way.open.set()
            await until(lambda: len(looks) > seen + 1)
        finally:
            way.open.set()
            stop.set()
            await running
