"""Reach Postgres: pools and single connections with time limits, and which of its errors pass by themselves."""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from readmit_runtime.errors import Transient
from readmit_runtime.settings import PostgresSettings

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
DirectConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

ANSWER_S = 5.0

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}")

# By SQLSTATE: what a healthy server answers to the same work a little later. Classes are given by two characters.
_TRANSIENT_CLASSES = frozenset(
    {
        "08",  # the connection broke
        "40",  # rolled back: deadlock, serialization
        "53",  # no resources: connections, disk, memory
        "58",  # the server's system failed: I/O
    }
)
_TRANSIENT_STATES = frozenset(
    {
        "25006",  # read-only: a failover is under way
        "25P03",  # idle in transaction for too long
        "55P03",  # lock not available in time
        "57014",  # statement timed out or was cancelled
        "57P01",  # terminated by an administrator, or shutdown
        "57P02",  # the server crashed
        "57P03",  # starting up
        "57P05",  # idle session for too long
    }
)

# asyncpg has one type for lost connections and for misuse; only the text tells them apart. It gives a connection that
# was lost back to its pool by itself, under the hands of its user.
_LOST = ("is closed", "is closing", "released back to the pool")


def create_pool(settings: PostgresSettings, *, application_name: str = "readmit") -> Pool:
    """Make a pool; `async with` or `await` opens it, and `pool_min` of 0 lets it open while the database is away.

    Each connection has the settings' limits on statements, locks and idle transactions, set by the server. JIT is
    off: it costs more than it saves on statements as short as ours. The CA file is read for each connection, since
    operators renew it; a missing one shows here: raises FileNotFoundError or ssl.SSLError.
    """

    async def open_one(*place: Any, **arguments: Any) -> DirectConnection:
        connection: DirectConnection = await asyncpg.connect(*place, **{**arguments, "ssl": _tls(settings)})
        return connection

    return asyncpg.create_pool(
        connect=open_one,
        min_size=settings.pool_min,
        max_size=settings.pool_max,
        **_arguments(settings, application_name),
    )


async def connect(settings: PostgresSettings, *, application_name: str = "readmit") -> DirectConnection:
    """Open one connection outside any pool, for locks and sessions that live as long as it does.

    Raises Transient while the server can't be reached.
    """
    arguments = _arguments(settings, application_name)
    with transient_errors():
        return await asyncpg.connect(**arguments)


async def answers(pool: Pool) -> None:
    """Return when Postgres answers; raises Transient, also when it does not within some seconds."""
    with transient_errors():
        # The pool's limit is for giving the connection back, too: it waits for what was cancelled on it.
        async with pool.acquire(timeout=ANSWER_S) as connection:
            await connection.execute("SELECT 1", timeout=ANSWER_S)


@contextmanager
def transient_errors() -> Iterator[None]:
    """Turn errors that pass by themselves into Transient: the same transaction may succeed later.

    These are lost and refused connections, deadlocks, serialization failures, timeouts of locks and statements, a
    server that starts, stops or has no resources. After an error in COMMIT it is unknown whether the transaction
    happened: what is done inside must be safe to repeat. Every other error passes unchanged.
    """
    try:
        yield
    except asyncpg.PostgresError as error:
        if _passes(error):
            raise Transient(f"Postgres answered {type(error).__name__} ({error.sqlstate})") from error
        raise
    except asyncpg.InternalClientError as error:
        # asyncpg loses track of a connection that is cut while it is idle or given back (asyncpg#1069, #784).
        raise Transient("asyncpg lost its connection to Postgres") from error
    except asyncpg.InterfaceError as error:
        if any(text in str(error) for text in _LOST):
            raise Transient("the connection to Postgres is closed") from error
        raise
    except TimeoutError as error:
        raise Transient("Postgres did not answer in time") from error
    except (PermissionError, ssl.SSLCertVerificationError):
        raise
    except OSError as error:
        raise Transient(f"Postgres can't be reached: {type(error).__name__}") from error


def in_schema(statement: str, schema: str) -> str:
    """Put the schema's name for each `{schema}` of a statement.

    Raises ValueError when the name is no plain lower-case identifier: names can't be sent as parameters.
    """
    if not _IDENTIFIER.fullmatch(schema):
        raise ValueError("a schema's name consists of lower-case letters, digits and underscores")
    return statement.replace("{schema}", schema)


def _passes(error: asyncpg.PostgresError) -> bool:
    if isinstance(error, asyncpg.exceptions.InvalidCachedStatementError):
        return True
    state = error.sqlstate or ""
    return state in _TRANSIENT_STATES or state[:2] in _TRANSIENT_CLASSES


def _arguments(settings: PostgresSettings, application_name: str) -> dict[str, Any]:
    return {
        "host": settings.host,
        "port": settings.port,
        "database": settings.database,
        "user": settings.user,
        "password": settings.password.get_secret_value(),
        "ssl": _tls(settings),
        "timeout": settings.connect_timeout_s,
        # Past the server's own limit only a dead connection is silent; the margin lets the server speak first.
        "command_timeout": settings.statement_timeout_s + 5.0,
        "server_settings": {
            "application_name": application_name,
            "statement_timeout": _milliseconds(settings.statement_timeout_s),
            "lock_timeout": _milliseconds(settings.lock_timeout_s),
            "idle_in_transaction_session_timeout": _milliseconds(settings.idle_in_transaction_timeout_s),
            "jit": "off",
        },
    }


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))


def _tls(settings: PostgresSettings) -> ssl.SSLContext | str:
    if settings.ssl_mode not in {"verify-ca", "verify-full"}:
        return settings.ssl_mode
    context = ssl.create_default_context(cafile=settings.ca_file)
    context.check_hostname = settings.ssl_mode == "verify-full"
    return context
