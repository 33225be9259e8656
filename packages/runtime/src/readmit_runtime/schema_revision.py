"""See that the database's schema is one that this release can work with.

Revisions only go forward and only add what older releases do not look at: a newer schema is no obstacle, and an older
one lacks what this release needs.
"""

import asyncpg
import structlog

from readmit_runtime.database import Pool, transient_errors

REVISION = "0007"
"""The newest revision of `migrations/`, which this release needs."""

log = structlog.get_logger(__name__)


class SchemaOlder(Exception):
    """The database lacks revisions that this release needs."""


async def check_schema(pool: Pool) -> None:
    """Return when the schema is the one needed, or a newer one, which is logged; raises SchemaOlder, Transient."""
    try:
        with transient_errors():
            found = await pool.fetchval("SELECT revision FROM status.schema")
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        # Before the revision that shows it to the services.
        found = None
    if found is None or found < REVISION:
        was = "older" if found is None else found
        raise SchemaOlder(
            f"the schema is {was}, and this release needs {REVISION}; run the migrations of this release."
        )
    if found > REVISION:
        log.warning("schema_newer", found=found, known=REVISION, detail="this release works on.")
