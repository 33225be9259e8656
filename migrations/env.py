"""Run the migrations: each in one transaction, one runner at a time, forward only."""

import os

import sqlalchemy
from alembic import context

# Any constant will do; it only has to differ from the advisory locks of the services.
ONE_RUNNER_AT_A_TIME = 7_205_001


def main() -> None:
    """Apply the missing revisions to the database named by READMIT_MIGRATIONS_URL."""
    engine = sqlalchemy.create_engine(os.environ["READMIT_MIGRATIONS_URL"], poolclass=sqlalchemy.pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, transaction_per_migration=False)
        with context.begin_transaction():
            connection.execute(sqlalchemy.text(f"SELECT pg_advisory_xact_lock({ONE_RUNNER_AT_A_TIME})"))
            context.run_migrations()


main()
