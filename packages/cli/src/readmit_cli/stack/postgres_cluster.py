"""Prepare the stack's own Postgres cluster."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.credentials import SUPERUSER, Credentials, write_private
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.ports import Ports
from readmit_cli.stack.rendering import fill
from readmit_cli.stack.state_directory import StateDirectory, first_closed_folder, postgres_user


def prepare(checkout: Checkout, state: StateDirectory, ports: Ports, credentials: Credentials) -> None:
    """Write the cluster's configuration; create the cluster if there is none. Raises StackError."""
    user = postgres_user()
    folder = state.postgres
    if user is not None:
        closed = first_closed_folder(state.root, user)
        if closed is not None:
            raise StackError(
                f"Postgres runs as {user.pw_name}, who cannot pass {closed} on the way to {state.root}. "
                f"Set READMIT_STATE to a folder outside {closed}."
            )
        os.chown(folder, user.pw_uid, user.pw_gid)
    configuration = folder / "postgresql.conf"
    configuration.write_text(fill(checkout.templates / "postgres" / "postgresql.conf", {"port": str(ports.postgres)}))
    data = folder / "data"
    if not (data / "PG_VERSION").exists():
        _create(checkout.postgres("initdb"), data, credentials.database_password(SUPERUSER), user)


def _create(initdb: Path, data: Path, password: str, user: pwd.struct_passwd | None) -> None:
    # Beside it first: a folder half made by an interrupted initdb is never taken for a cluster.
    unfinished = data.with_name("data.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    password_file = data.with_name("superuser.password")
    write_private(password_file, password)
    if user is not None:
        os.chown(password_file, user.pw_uid, user.pw_gid)
    command = [str(initdb), "--pgdata", str(unfinished), "--username", SUPERUSER, "--pwfile", str(password_file)]
    options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums"]
    try:
        _run_as(user, [*command, *options])
    finally:
        password_file.unlink()
    unfinished.rename(data)


def _run_as(user: pwd.struct_passwd | None, command: list[str]) -> None:
    identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    done = subprocess.run(  # type: ignore[call-overload] # the overloads cannot see through the mapping
        command, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **identity
    )
    if done.returncode != 0:
        raise StackError(f"{command[0]} failed with {done.returncode}: {done.stderr[-1500:]}")
