"""Write rows to the raw tables, and what can't be written to the tables of duplicates and quarantine."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass
from io import BytesIO

from asyncpg import UniqueViolationError
from readmit_contracts.columns import COLUMNS
from readmit_contracts.source import BATCH_ROWS, Split
from readmit_contracts.tables import RAW_COLUMNS
from readmit_runtime.database import Connection
from readmit_runtime.errors import Transient

from ingestor.chunks.outcome import QuarantinedRow


@dataclass(frozen=True)
class Clash:
    """A row whose encounter already stands in the table, first stored as another row."""

    dataset_no: int
    row_no: int
    encounter_id: int
    first_dataset_no: int
    first_row_no: int
    same_content: bool


async def copy(connection: Connection, split: Split, lines: AsyncIterable[bytes]) -> list[Clash]:
    """Copy CSV lines into the raw table of a split; give the rows that were not stored because of their encounter.

    The bytes go to COPY as they came. Only when an encounter is already there are they copied again, by way of a
    temporary table, to find out which rows clash.
    """
    taken: list[bytes] = []
    try:
        async with connection.transaction():
            await connection.copy_to_table(
                split, schema_name="raw", source=_keep(lines, taken), columns=RAW_COLUMNS, format="csv"
            )
    except UniqueViolationError:
        # The server ends a COPY at the first clash, wherever the sending was by then.
        taken += [part async for part in lines]
        return await _copy_around_clashes(connection, split, b"".join(taken))
    return []


async def _keep(lines: AsyncIterable[bytes], taken: list[bytes]) -> AsyncIterator[bytes]:
    async for part in lines:
        taken.append(part)
        yield part


async def _copy_around_clashes(connection: Connection, split: Split, text: bytes) -> list[Clash]:
    await connection.execute(f"CREATE TEMPORARY TABLE incoming (LIKE raw.{split}) ON COMMIT DROP")
    await connection.copy_to_table("incoming", source=BytesIO(text), columns=RAW_COLUMNS, format="csv")
    # In order of the key, so that two groups over the same encounters wait for each other instead of deadlocking.
    stored = await connection.fetchval(
        f"""
        WITH stored AS (
            INSERT INTO raw.{split} SELECT * FROM incoming ORDER BY encounter_id, dataset_no, row_no
            ON CONFLICT (encounter_id) DO NOTHING
            RETURNING 1
        )
        SELECT count(*) FROM stored
        """  # noqa: S608 - the split is one of three literals
    )
    # A statement of its own: it must see the rows that the insert waited for.
    content = ", ".join(f"i.{column.sql_name}" for column in COLUMNS)
    clashes = await connection.fetch(
        f"""
        SELECT i.dataset_no, i.row_no, i.encounter_id, r.dataset_no AS first_dataset_no, r.row_no AS first_row_no,
               ({content}) = ({content.replace("i.", "r.")}) AS same_content
        FROM incoming i JOIN raw.{split} r USING (encounter_id)
        WHERE (i.dataset_no, i.row_no) <> (r.dataset_no, r.row_no)
        ORDER BY i.dataset_no, i.row_no
        """  # noqa: S608 - the split is one of three literals, the columns are ours
    )
    incoming = await connection.fetchval("SELECT count(*) FROM incoming")
    await connection.execute("DROP TABLE incoming")
    if stored + len(clashes) != incoming:
        raise Transient("an encounter that clashed was moved meanwhile; the group is done again")
    return [Clash(*row) for row in clashes]


async def record_duplicates(connection: Connection, split: Split, clashes: Sequence[Clash]) -> None:
    """Account for rows that stand in the table already, with the same content."""
    await connection.executemany(
        """
        INSERT INTO ingest.duplicates
            (dataset_no, split, batch, row_no, encounter_id, first_dataset_no, first_row_no)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        [
            (c.dataset_no, split, c.row_no // BATCH_ROWS, c.row_no, c.encounter_id, c.first_dataset_no, c.first_row_no)
            for c in clashes
        ],
    )


async def quarantine(connection: Connection, generation: int, rows: Sequence[QuarantinedRow]) -> None:
    """Account for rows that can't be stored: the rule, the field, the value and the line as it came."""
    await connection.executemany(
        """
        INSERT INTO ingest.quarantine
            (generation, dataset_no, split, batch, row_no, reason, field, value, line, topic, partition, "offset")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        [
            (
                generation,
                *row.batch,
                row.row_no,
                row.bad.reason,
                row.bad.field,
                None if row.bad.value is None else row.bad.value.replace("\0", "\\x00"),
                row.line,
                row.record.topic,
                row.record.partition,
                row.record.offset,
            )
            for row in rows
        ],
    )
