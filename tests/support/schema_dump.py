"""Show a database's schema as `migrations/schema.sql` has it: what pg_dump says, without what differs by machine."""

import os
import re
import subprocess
from pathlib import Path

from readmit_runtime.settings import PostgresSettings

HEADING = "-- The schema behind all migrations, as pg_dump of PostgreSQL {major} shows it; a test keeps it equal.\n"
_NOISE = re.compile(r"--|SET |SELECT pg_catalog\.set_config|\\(?:un)?restrict\b")
_DUMPED_BY = re.compile(r"^-- Dumped by pg_dump version (\d+)", re.MULTILINE)
_MAJOR = re.compile(r"PostgreSQL (\d+)")
_VIEW = re.compile(r"^CREATE VIEW .*?;$", re.MULTILINE | re.DOTALL)
_QUALIFIER = re.compile(r"\b\w+\.(?=\w)")


def dump(pg_dump: Path, database: PostgresSettings) -> str:
    """Return the schema with its grants, one blank line between statements."""
    environment = os.environ | {
        "PGHOST": database.host,
        "PGPORT": str(database.port),
        "PGUSER": database.user,
        "PGPASSWORD": database.password.get_secret_value(),
    }
    command = [str(pg_dump), "--schema-only", "--no-owner", "--dbname", database.database]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    lines = [line.rstrip() for line in done.stdout.splitlines() if not _NOISE.match(line)]
    major = _DUMPED_BY.search(done.stdout)
    assert major, "pg_dump did not say its version"
    return HEADING.format(major=major[1]) + "\n" + re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def major_of(text: str) -> str:
    """Return the major version of the pg_dump that made this text."""
    found = _MAJOR.search(text.partition("\n")[0])
    return found[1] if found else "none"


def without_style(text: str) -> str:
    """Return the text without heading, and without the qualifiers in views: from 16 on Postgres leaves some out."""
    body = text.partition("\n")[2]
    return _VIEW.sub(lambda view: _QUALIFIER.sub("", view[0]), body)
