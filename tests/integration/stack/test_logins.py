"""Tests of who may enter which database of the local stack."""

from dataclasses import asdict

import psycopg
import pytest
from readmit_cli.stack.credentials import DATABASE_LOGINS, MLFLOW_LOGIN, MONITOR_LOGIN, SUPERUSER
from readmit_cli.stack.environment import MLFLOW_DATABASE


@pytest.fixture
def stack(stack_infrastructure):
    """Give the run's stack."""
    return stack_infrastructure


@pytest.mark.parametrize("login", DATABASE_LOGINS)
def test_every_login_enters_the_database(stack, login):
    """A service that cannot log in would be restarted for ever."""
    with psycopg.connect(stack.database(login).url()) as session:
        assert session.execute("SELECT current_user").fetchone() == (login,)


@pytest.mark.parametrize(
    ("login", "database"),
    [(MLFLOW_LOGIN, "readmit"), ("readmit_trainer", MLFLOW_DATABASE), (MONITOR_LOGIN, "readmit")],
)
def test_the_databases_are_closed_to_each_others_logins(stack, login, database):
    """A hole in MLflow must not open the store."""
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(stack.database(login, database).url())


def test_what_tells_of_postgres_may_look_at_what_postgres_counts_and_no_more(stack):
    """Its numbers go to a page that needs no password."""
    with psycopg.connect(stack.database(MONITOR_LOGIN, SUPERUSER).url()) as session:
        roles = session.execute(
            "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = current_user::regrole"
        ).fetchall()
        assert roles == [("pg_monitor",)]
        assert session.execute("SELECT sum(size) > 0 FROM pg_ls_waldir()").fetchone() == (True,)


def test_a_wrong_password_is_refused(stack):
    """Trust on loopback would let every user of the machine in."""
    connection = asdict(stack.database("readmit_trainer")) | {"password": "wrong"}
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host=connection["host"], port=connection["port"], user=connection["user"], password="wrong")


def test_the_connection_file_is_for_its_owner_alone(stack):
    """It has every secret a person needs."""
    assert stack.connection_file().stat().st_mode & 0o077 == 0
