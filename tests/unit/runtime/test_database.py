"""Which errors of Postgres pass by themselves, and which end the process."""

import ssl

import asyncpg
import pytest
from readmit_runtime.database import in_schema, transient_errors
from readmit_runtime.errors import Transient

PASSING = [
    asyncpg.ConnectionDoesNotExistError("gone"),
    asyncpg.DeadlockDetectedError("deadlock"),
    asyncpg.SerializationError("serialize"),
    asyncpg.LockNotAvailableError("locked"),
    asyncpg.QueryCanceledError("statement timeout"),
    asyncpg.AdminShutdownError("terminated"),
    asyncpg.CannotConnectNowError("starting up"),
    asyncpg.TooManyConnectionsError("too many"),
    asyncpg.DiskFullError("no space"),
    asyncpg.ReadOnlySQLTransactionError("read-only"),
    asyncpg.InvalidCachedStatementError("plan changed"),
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.InterfaceError("pool is closing"),
    asyncpg.InterfaceError("cannot call execute(): connection has been released back to the pool"),
    asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
    TimeoutError("no answer"),
    ConnectionRefusedError(111, "refused"),
    FileNotFoundError(2, "no socket"),
]
LASTING = [
    asyncpg.UniqueViolationError("duplicate"),
    asyncpg.UndefinedTableError("no table"),
    asyncpg.InsufficientPrivilegeError("no right"),
    asyncpg.InvalidPasswordError("no entry"),
    asyncpg.DataError("bad argument"),
    asyncpg.InterfaceError("cannot perform operation: another operation is in progress"),
    ssl.SSLCertVerificationError("unknown authority"),
    ValueError("own fault"),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: f"{type(error).__name__} {error}")
def test_an_error_that_passes_by_itself_is_transient(error: Exception) -> None:
    """The same work, a little later, needs no person."""
    with pytest.raises(Transient) as caught, transient_errors():
        raise error
    assert caught.value.__cause__ is error
    assert str(error) not in str(caught.value)


@pytest.mark.parametrize("error", LASTING, ids=lambda error: f"{type(error).__name__} {error}")
def test_an_error_that_time_does_not_heal_passes_unchanged(error: Exception) -> None:
    """Retrying a fault for ever hides it."""
    with pytest.raises(type(error)) as caught, transient_errors():
        raise error
    assert caught.value is error


def test_a_schemas_name_is_put_into_the_statement() -> None:
    """One code serves the outbox of each owner."""
    assert in_schema("SELECT 1 FROM {schema}.inbox", "ingest") == "SELECT 1 FROM ingest.inbox"


@pytest.mark.parametrize("name", ["", "Ingest", "a b", "x;drop", 'x"', "1x", "ä", "a" * 64])
def test_anything_but_a_plain_name_is_no_schema(name: str) -> None:
    """Names can't be parameters, so they must need no quoting."""
    with pytest.raises(ValueError, match="schema"):
        in_schema("SELECT 1 FROM {schema}.inbox", name)
