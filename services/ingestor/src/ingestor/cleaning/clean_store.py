"""Derive rows of the clean tables from raw rows, in the one turn that all who change the clean tables take."""

from dataclasses import dataclass

from readmit_contracts.source import SPLITS
from readmit_contracts.tables import CLEAN_COLUMNS, clean_select, content_expression
from readmit_runtime.database import Connection

from ingestor.chunks.outcome import BatchKey

# Any constant will do; it only has to differ from the other advisory locks of this database.
ONE_AT_A_TIME = 7_205_002
_SPAN = "dataset_no = $1 AND row_no BETWEEN $2 AND $3"


@dataclass(frozen=True)
class DerivedBatch:
    """What was derived of a batch: its rows in the clean table, the content hash of its raw rows."""

    rows: int
    sha256: str


async def wait_for_turn(connection: Connection) -> int:
    """Be the only one to change the clean tables until the transaction ends; give the generation, held against a reset.

    The first lock of its transaction but for a command's own row in the inbox.
    """
    await connection.execute("SELECT pg_advisory_xact_lock($1)", ONE_AT_A_TIME)
    generation: int = await connection.fetchval("SELECT generation FROM ingest.store FOR SHARE")
    return generation


async def clear(connection: Connection, key: BatchKey) -> None:
    """Remove the clean rows of a batch."""
    await connection.execute(
        f"DELETE FROM clean.{key.split} WHERE {_SPAN}",  # noqa: S608 - the split is one of three literals
        key.dataset_no,
        *key.row_range,
    )


async def clear_all(connection: Connection) -> None:
    """Remove every clean row; who reads meanwhile has them until the commit, which TRUNCATE would not grant."""
    for split in SPLITS:
        await connection.execute(f"DELETE FROM clean.{split}")  # noqa: S608 - the split is one of three literals


async def derive(connection: Connection, key: BatchKey, *, expected: str | None = None) -> DerivedBatch:
    """Fill the clean table from a batch's raw rows and hash these; when another hash is expected, fill nothing.

    One statement, so that what is filled in is what was hashed, whoever writes to the raw table beside it. Rows that
    were altered so that they can't be typed at all never come as far.
    """
    row = await connection.fetchrow(
        f"""
        WITH content AS (
            SELECT {content_expression()} AS sha256 FROM raw.{key.split} WHERE {_SPAN}
        ), filled AS (
            INSERT INTO clean.{key.split} ({", ".join(CLEAN_COLUMNS)})
            SELECT {clean_select(key.split)} FROM content, raw.{key.split}
            WHERE {_SPAN} AND content.sha256 = coalesce($4, content.sha256)
            ORDER BY row_no
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM filled) AS rows, sha256 FROM content
        """,  # noqa: S608 - the split is one of three literals, the columns are ours
        key.dataset_no,
        *key.row_range,
        expected,
    )
    if row is None:
        raise LookupError("an aggregate without GROUP BY gave no row")
    return DerivedBatch(*row)
