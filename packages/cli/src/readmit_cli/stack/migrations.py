"""Run the migrations against a database of the stack."""

import os
import subprocess
from pathlib import Path

from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.connections import DatabaseConnection
from readmit_cli.stack.errors import StackError


def upgrade(checkout: Checkout, owner: DatabaseConnection, *, log: Path) -> None:
    """Apply the missing revisions, as the database's owner; what Alembic says goes to `log`. Raises StackError."""
    # The address is in the environment and not on the command line, which every user of the machine can read.
    environment = os.environ | {"READMIT_MIGRATIONS_URL": owner.url("postgresql+psycopg")}
    command = [str(checkout.python), "-m", "alembic", "-c", str(checkout.migrations / "alembic.ini"), "upgrade", "head"]
    with log.open("a") as output:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode != 0:
        raise StackError(
            f"The migrations of {owner.database} failed and changed nothing; see the end of {log}: "
            f"{log.read_text()[-1500:]}"
        )
