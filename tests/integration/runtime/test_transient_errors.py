"""What Postgres really answers in trouble is what the mapping expects."""

import asyncio
import contextlib
import socket

import asyncpg
import pytest
from readmit_runtime.database import DirectConnection, Pool, connect, create_pool, transient_errors
from readmit_runtime.errors import Transient
from readmit_runtime.settings import PostgresSettings

TERMINATE = "SELECT pg_terminate_backend($1)"


@pytest.fixture
async def other(database_settings: PostgresSettings) -> DirectConnection:
    """Give a second connection; the tests leave it broken."""
    return await connect(database_settings)


async def in_trouble(statement: str, connection: DirectConnection) -> None:
    """Run a statement as services do."""
    with transient_errors():
        await connection.execute(statement)


async def test_a_backend_that_is_terminated_while_it_works_is_transient(
    connection: DirectConnection, other: DirectConnection
) -> None:
    """A restart of the server ends statements in their midst."""
    working = asyncio.create_task(in_trouble("SELECT pg_sleep(30)", other))
    await asyncio.sleep(0.1)
    await connection.execute(TERMINATE, other.get_server_pid())
    with pytest.raises(Transient):
        await working


async def test_a_connection_that_was_terminated_while_idle_is_transient(
    connection: DirectConnection, other: DirectConnection
) -> None:
    """The loss shows only at the next statement."""
    await connection.execute(TERMINATE, other.get_server_pid())
    await asyncio.sleep(0.1)
    with pytest.raises(Transient):
        await in_trouble("SELECT 1", other)


async def test_a_pool_gives_a_working_connection_after_a_terminated_one(
    connection: DirectConnection, pool: Pool
) -> None:
    """One failed group may follow a restart; the next must not."""
    pid = await pool.fetchval("SELECT pg_backend_pid()")
    await connection.execute(TERMINATE, pid)
    with contextlib.suppress(Transient), transient_errors():
        await pool.fetchval("SELECT 1")
    assert await pool.fetchval("SELECT 1") == 1


async def test_a_connection_cut_at_any_moment_of_a_transaction_is_transient(
    connection: DirectConnection, pool: Pool
) -> None:
    """asyncpg answers with half a dozen errors, by what it was doing just then; each means the same."""

    async def cut(turns: int, *, go_on: bool) -> None:
        with transient_errors():
            async with pool.acquire() as mine, mine.transaction():
                await mine.execute("SELECT 1")
                await connection.execute(TERMINATE, mine.get_server_pid())
                for _ in range(turns):
                    await asyncio.sleep(0)
                if go_on:
                    await mine.execute("SELECT $1::integer", 1)

    ends = [
        (await asyncio.gather(cut(attempt % 5, go_on=attempt % 2 == 0), return_exceptions=True))[0]
        for attempt in range(100)
    ]
    assert {type(end) for end in ends} == {Transient}


async def test_of_two_transactions_in_a_deadlock_one_is_transient(
    connection: DirectConnection, other: DirectConnection
) -> None:
    """Postgres ends one of them, and it can be done again."""

    async def lock_both(mine: DirectConnection, first: int, second: int) -> None:
        with transient_errors():
            async with mine.transaction():
                await mine.execute("SELECT pg_advisory_xact_lock($1)", first)
                await asyncio.sleep(0.2)
                await mine.execute("SELECT pg_advisory_xact_lock($1)", second)

    ends = await asyncio.gather(lock_both(connection, 71, 72), lock_both(other, 72, 71), return_exceptions=True)
    await other.close()
    (error,) = [end for end in ends if end is not None]
    assert isinstance(error, Transient)
    assert isinstance(error.__cause__, asyncpg.DeadlockDetectedError)


async def test_a_serialization_failure_is_transient(
    connection: DirectConnection, other: DirectConnection, schema: str
) -> None:
    """A snapshot that was overtaken has to be taken anew."""
    await connection.execute(f"CREATE TABLE {schema}.counter AS SELECT 1 AS value")
    change = f"UPDATE {schema}.counter SET value = value + 1"

    async def overtaken() -> None:
        async with other.transaction(isolation="repeatable_read"):
            await other.fetch(f"SELECT * FROM {schema}.counter")
            await connection.execute(change)
            await other.execute(change)

    with pytest.raises(Transient) as caught, transient_errors():
        await overtaken()
    await other.close()
    assert isinstance(caught.value.__cause__, asyncpg.SerializationError)


async def test_a_lock_that_does_not_come_in_time_is_transient(
    connection: DirectConnection, database_settings: PostgresSettings
) -> None:
    """The limit is the settings' own, set in each session."""
    hurried = await connect(database_settings.model_copy(update={"lock_timeout_s": 0.1}))
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(73)")
        with pytest.raises(Transient) as caught:
            await in_trouble("SELECT pg_advisory_xact_lock(73)", hurried)
    await hurried.close()
    assert isinstance(caught.value.__cause__, asyncpg.LockNotAvailableError)


async def test_a_statement_that_takes_too_long_is_transient(database_settings: PostgresSettings) -> None:
    """The server ends it, so that nothing goes on behind our back."""
    hurried = await connect(database_settings.model_copy(update={"statement_timeout_s": 0.1}))
    with pytest.raises(Transient) as caught:
        await in_trouble("SELECT pg_sleep(30)", hurried)
    await hurried.close()
    assert isinstance(caught.value.__cause__, asyncpg.QueryCanceledError)


async def test_a_transaction_that_does_nothing_for_too_long_is_ended(database_settings: PostgresSettings) -> None:
    """A hung worker must not hold its locks for ever."""
    idle = await connect(database_settings.model_copy(update={"idle_in_transaction_timeout_s": 0.1}))

    async def dawdle() -> None:
        async with idle.transaction():
            await asyncio.sleep(0.5)
            await idle.execute("SELECT 1")

    with pytest.raises(Transient), transient_errors():
        await dawdle()


async def test_a_server_that_is_not_there_is_transient(database_settings: PostgresSettings) -> None:
    """Services start in any order."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Transient):
        await connect(database_settings.model_copy(update={"port": port, "host": "127.0.0.1"}))


async def test_a_pool_opens_while_the_server_is_away(database_settings: PostgresSettings) -> None:
    """A process that can't start is restarted until its supervisor gives up."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with create_pool(database_settings.model_copy(update={"port": port, "host": "127.0.0.1"})) as pool:
        with pytest.raises(Transient), transient_errors():
            await pool.fetchval("SELECT 1")


async def test_a_unique_violation_is_no_trouble_of_the_server(connection: DirectConnection, schema: str) -> None:
    """The same insert fails for ever."""
    await connection.execute(f"CREATE TABLE {schema}.one (id integer PRIMARY KEY)")
    with pytest.raises(asyncpg.UniqueViolationError):
        await in_trouble(f"INSERT INTO {schema}.one VALUES (1), (1)", connection)


async def test_a_session_has_the_limits_of_the_settings(connection: DirectConnection) -> None:
    """Limits that only the client knows leave the server working for nobody."""
    rows = await connection.fetch(
        "SELECT name, setting FROM pg_settings WHERE name = ANY($1)",
        ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "jit"],
    )
    assert {row["name"]: row["setting"] for row in rows} == {
        "statement_timeout": "60000",
        "lock_timeout": "20000",
        "idle_in_transaction_session_timeout": "60000",
        "jit": "off",
    }
