"""Make a schema with an inbox and an outbox of its own, by the migrations' own statements."""

import re
from pathlib import Path

from readmit_runtime.database import Connection

_MIGRATION = Path(__file__).parents[2] / "migrations" / "versions" / "0001_create_ingest.sql"
_STATEMENT = re.compile(r"CREATE (?:TABLE|INDEX)[^;(]*\bingest\.(?:inbox|outbox)\b[^;]*;")


async def create_owner_schema(connection: Connection, schema: str) -> None:
    """Create the schema; it has what `inbox` and `outbox` of the runtime need, and nothing else."""
    statements = _STATEMENT.findall(_MIGRATION.read_text(encoding="utf-8"))
    if len(statements) != 3:
        raise AssertionError(f"{_MIGRATION.name} no longer makes inbox, outbox and its index in one statement each")
    await connection.execute(f"CREATE SCHEMA {schema}")
    for statement in statements:
        await connection.execute(statement.replace("ingest.", f"{schema}."))
