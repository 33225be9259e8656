"""Store answered predictions in one transaction: each chunk of a replica's segments counts once.

A prediction older than its retention is not stored: what was deleted never comes back, however late its chunk is
delivered again, and whether or not the ledger still knows that chunk.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from readmit_contracts.events import PredictionRecord, PredictionsMade
from readmit_runtime import outbox
from readmit_runtime.database import Connection
from readmit_runtime.dead_letters import DeadLetterLimit
from readmit_runtime.messages import IncomingRecord

from ingestor import announcements
from ingestor.parked import ParkedRecord
from ingestor.settings import RetentionSettings

ChunkKey = tuple[str, object, int]


@dataclass(frozen=True)
class StoredPredictions:
    """What became of a group: predictions stored, those that are too old, chunks that were there, records parked."""

    predictions: int
    expired: int
    chunks_repeated: int
    parked: int


async def store_predictions(
    connection: Connection,
    chunks: Sequence[tuple[IncomingRecord, PredictionsMade]],
    unreadable: Sequence[ParkedRecord],
    limit: DeadLetterLimit,
    retention: RetentionSettings,
) -> StoredPredictions:
    """Store the chunks and park what can't be read, all or nothing; the same group again changes nothing.

    Raises TooManyDeadLetters, with nothing stored, when `limit` says so.
    """
    by_key: dict[ChunkKey, tuple[IncomingRecord, PredictionsMade]] = {}
    for record, made in chunks:
        by_key.setdefault((made.replica, made.segment, made.chunk), (record, made))
    async with connection.transaction(isolation="read_committed"):
        fresh = await _enter_ledger(connection, [by_key[key] for key in sorted(by_key, key=str)])
        cutoff = await connection.fetchval("SELECT now() - make_interval(days => $1)", retention.predictions_days)
        inputs_cutoff = await connection.fetchval("SELECT now() - make_interval(days => $1)", retention.inputs_days)
        stored, expired = 0, 0
        for made in fresh:
            kept = [record for record in made.records if record.at >= cutoff]
            expired += len(made.records) - len(kept)
            stored += await _insert(connection, made.replica, kept)
            await _insert_inputs(connection, [record for record in kept if record.at >= inputs_cutoff])
        await outbox.add(connection, "ingest", [announcements.parked(parked) for parked in unreadable])
        limit.observe(good=len(chunks), parked=len(unreadable))
    return StoredPredictions(stored, expired, len(chunks) - len(fresh), len(unreadable))


async def _enter_ledger(
    connection: Connection, chunks: Sequence[tuple[IncomingRecord, PredictionsMade]]
) -> list[PredictionsMade]:
    fresh = []
    for record, made in chunks:
        entered = await connection.fetchval(
            """
            INSERT INTO predictions.chunks (replica, segment, chunk, records, topic, partition, "offset")
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT DO NOTHING
            RETURNING true
            """,
            made.replica,
            made.segment,
            made.chunk,
            len(made.records),
            record.topic,
            record.partition,
            record.offset,
        )
        if entered:
            fresh.append(made)
    return fresh


async def _insert(connection: Connection, replica: str, records: Sequence[PredictionRecord]) -> int:
    # A request repeated under one idempotency key has one id: the first record of it stands.
    columns = (
        "prediction_id",
        "at",
        "model",
        "model_id",
        "epoch",
        "probability",
        "decision",
        "threshold",
        "input_sha256",
    )
    stored: int = await connection.fetchval(
        """
        WITH stored AS (
            INSERT INTO predictions.predictions
                (replica, prediction_id, at, model, model_id, epoch, probability, decision, threshold, input_sha256)
            SELECT $1, p.* FROM unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::bigint[],
                                       $7::double precision[], $8::text[], $9::double precision[], $10::text[]) AS p
            ORDER BY 2
            ON CONFLICT (prediction_id) DO NOTHING
            RETURNING 1
        )
        SELECT count(*) FROM stored
        """,
        replica,
        *([getattr(record, column) for record in records] for column in columns),
    )
    return stored


async def _insert_inputs(connection: Connection, records: Sequence[PredictionRecord]) -> None:
    kept = [record for record in records if record.input_json is not None]
    if not kept:
        return
    await connection.execute(
        """
        INSERT INTO predictions.inputs (prediction_id, at, input)
        SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[]) ORDER BY 1
        ON CONFLICT (prediction_id) DO NOTHING
        """,
        [record.prediction_id for record in kept],
        [record.at for record in kept],
        [record.input_json for record in kept],
    )
