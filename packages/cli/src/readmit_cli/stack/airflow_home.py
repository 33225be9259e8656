"""Prepare what Airflow needs before any of its programs: a database with its tables, and its users' passwords."""

import hashlib
import json
import os
import subprocess

from readmit_cli.stack import store
from readmit_cli.stack.airflow_environment import airflow_database, passwords_file
from readmit_cli.stack.blueprint import Blueprint
from readmit_cli.stack.credentials import AIRFLOW_USERS, write_private
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.programs import AIRFLOW_API_SERVER


def prepare(blueprint: Blueprint) -> None:
    """Make what is missing; tables that this version of Airflow made are left alone. Raises StackError."""
    if not blueprint.checkout.airflow.is_file():
        raise StackError(f"Airflow is not at {blueprint.checkout.airflow}; `make install` installs it.")
    passwords = {user: blueprint.credentials.airflow_secret(user) for user in AIRFLOW_USERS}
    write_private(passwords_file(blueprint.state.airflow), json.dumps(passwords) + "\n")
    superuser = blueprint.addresses.superuser()
    own = airflow_database(blueprint.addresses)
    store.ensure_login(superuser, login=own.user, password=own.password)
    store.ensure_database(superuser, database=own.database, owner=own.user, logins=(own.user,))
    # Asking Airflow whether its tables are up to date takes it as long as a migration. The note lies in the database,
    # so that the two are never apart.
    version = hashlib.sha256(blueprint.checkout.airflow_lock.read_bytes()).hexdigest()
    if store.database_comment(superuser, own.database) != version:
        _migrate(blueprint)
        store.comment_on_database(superuser, own.database, version)


def _migrate(blueprint: Blueprint) -> None:
    log = blueprint.state.log("airflow-migrations")
    environment = os.environ | blueprint.program_environment(AIRFLOW_API_SERVER)
    command = [str(blueprint.checkout.airflow), "db", "migrate"]
    with log.open("a") as output:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode != 0:
        raise StackError(f"Airflow cannot migrate its database; see the end of {log}: {log.read_text()[-1500:]}")
