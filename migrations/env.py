"""Run the missing migrations: all of them or none, in one transaction, one runner at a time, forward only."""

import os
import sys
from pathlib import Path

import sqlalchemy
from alembic import context

# Any constant will do; it only has to differ from the advisory locks of the services.
ONE_RUNNER_AT_A_TIME = 7_205_001


def address() -> sqlalchemy.URL:
    """Return READMIT_MIGRATIONS_URL; where it has no password, the folder READMIT_SECRETS may have it in a file."""
    try:
        url = sqlalchemy.make_url(os.environ["READMIT_MIGRATIONS_URL"])
        folder = os.environ.get("READMIT_SECRETS")
        if folder is None or url.password is not None:
            return url
        return url.set(password=Path(folder, "READMIT_MIGRATIONS_PASSWORD").read_text("utf-8").strip())
    except KeyError as missing:
        sys.exit(f"{missing.args[0]} is not set; name the database as its owner, postgresql+psycopg://...")
    except OSError as error:
        sys.exit(f"The password of READMIT_MIGRATIONS_URL is neither in it nor in a file: {error}")


def connected() -> sqlalchemy.Connection:
    """Connect; where that can't be done, end with what the server or the network says, in one line."""
    try:
        return sqlalchemy.create_engine(address(), poolclass=sqlalchemy.pool.NullPool).connect()
    except sqlalchemy.exc.OperationalError as error:
        sys.exit(f"READMIT_MIGRATIONS_URL leads to no database that lets in: {' '.join(str(error.orig).split())}")


def main() -> None:
    """Apply the missing revisions to the database named by READMIT_MIGRATIONS_URL."""
    with connected() as connection:
        context.configure(connection=connection, transaction_per_migration=False)
        with context.begin_transaction():
            connection.execute(sqlalchemy.text(f"SELECT pg_advisory_xact_lock({ONE_RUNNER_AT_A_TIME})"))
            context.run_migrations()


main()
