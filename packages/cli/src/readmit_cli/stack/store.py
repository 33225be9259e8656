"""What the stack itself asks of Postgres: logins and databases. What is inside a database is the migrations'."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from readmit_cli.stack.connections import DatabaseConnection
from readmit_cli.stack.errors import StackError


def ensure_login(superuser: DatabaseConnection, *, login: str, password: str) -> None:
    """Create a login, or give an existing one this password. Raises StackError."""
    with _session(superuser) as session:
        known = session.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (login,)).fetchone()
        statement = "ALTER ROLE {} WITH LOGIN PASSWORD {}" if known else "CREATE ROLE {} WITH LOGIN PASSWORD {}"
        session.execute(sql.SQL(statement).format(sql.Identifier(login), sql.Literal(password)))


def ensure_membership(superuser: DatabaseConnection, *, login: str, role: str) -> None:
    """Give a login what a role may do. Raises StackError."""
    with _session(superuser) as session:
        session.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(login)))


def ensure_database(
    superuser: DatabaseConnection, *, database: str, owner: str, logins: Sequence[str], template: str = "template0"
) -> None:
    """Create a database that its owner and these logins alone may enter; one that exists keeps its content.

    Raises StackError, for one when somebody is connected to the template.
    """
    with _session(superuser) as session:
        name = sql.Identifier(database)
        if session.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone() is None:
            create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
            session.execute(create.format(name, sql.Identifier(owner), sql.Identifier(template)))
        session.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
        grant = sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}")
        for login in logins:
            session.execute(grant.format(name, sql.Identifier(login)))


def database_comment(superuser: DatabaseConnection, database: str) -> str | None:
    """Answer the comment on a database, None when it has none. Raises StackError."""
    with _session(superuser) as session:
        found = session.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", (database,)
        ).fetchone()
    return found[0] if found else None


def comment_on_database(superuser: DatabaseConnection, database: str, text: str) -> None:
    """Replace the comment on a database. Raises StackError."""
    with _session(superuser) as session:
        statement = sql.SQL("COMMENT ON DATABASE {} IS {}")
        session.execute(statement.format(sql.Identifier(database), sql.Literal(text)))


def drop_database(superuser: DatabaseConnection, database: str) -> None:
    """Drop a database and end whatever is connected to it; one that is not there is no error. Raises StackError."""
    with _session(superuser) as session:
        session.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


@contextmanager
def _session(superuser: DatabaseConnection) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    try:
        with psycopg.connect(superuser.url(), autocommit=True) as session:
            yield session
    except psycopg.Error as error:
        raise StackError(f"Postgres at {superuser.host}:{superuser.port} refuses its set-up: {error}") from error
