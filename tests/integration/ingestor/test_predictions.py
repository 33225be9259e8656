"""Answered predictions against a real Postgres, in the role of the ingestor."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from asyncpg import InsufficientPrivilegeError
from ingestor.parked import ParkedRecord
from ingestor.predictions.handler import PredictionHandler
from ingestor.predictions.retention import Retention
from ingestor.predictions.store import StoredPredictions
from ingestor.settings import RetentionSettings
from msgspec.structs import replace as replace_struct
from readmit_contracts.events import PredictionsMade
from readmit_contracts.topics import PREDICTIONS
from readmit_runtime.database import connect, create_pool
from readmit_runtime.dead_letters import DeadLetterLimit
from readmit_runtime.messages import IncomingRecord, outgoing
from support.prediction_records import prediction_record


def made(
    chunk: int, ids: list[UUID], segment: UUID, *, age_days: float = 0, input_json: str | None = None
) -> IncomingRecord:
    """Give a chunk of a segment as delivered."""
    answered = datetime.now(UTC) - timedelta(days=age_days)
    records = tuple(
        replace_struct(prediction_record(0, at=answered, input_json=input_json), prediction_id=prediction_id)
        for prediction_id in ids
    )
    message = PredictionsMade(replica="replica-1", segment=segment, chunk=chunk, records=records)
    record = outgoing(PREDICTIONS, message, source="/readmit/predictor", id=uuid4())
    return IncomingRecord(record.topic, 0, chunk, record.key, record.value, record.headers, 0)


def kept_in(seen: list) -> Callable[[StoredPredictions, float], None]:
    """Give a callback that keeps what became of each group."""
    return lambda stored, _seconds: seen.append(stored)


async def test_a_chunk_of_predictions_counts_once_however_often_it_comes(store):
    """The predictor ships a segment again whenever it does not know whether it arrived."""
    segment = uuid4()
    chunks = [made(number, [uuid4() for _ in range(10)], segment) for number in range(3)]
    seen = []
    async with create_pool(store.settings) as pool:
        handler = PredictionHandler(pool, DeadLetterLimit(5), RetentionSettings(), on_stored=kept_in(seen))
        await asyncio.gather(*(handler(chunks) for _ in range(3)))
    assert sum(stored.predictions for stored in seen) == 30
    assert await store.admin.fetchval("SELECT count(*) FROM predictions.predictions WHERE replica = 'replica-1'") == 30


async def test_a_request_repeated_under_one_id_is_one_prediction(store):
    """An idempotency key gives a repeated request the same id; two records of it are one prediction."""
    before = await store.admin.fetchval("SELECT count(*) FROM predictions.predictions")
    one = uuid4()
    async with create_pool(store.settings) as pool:
        handler = PredictionHandler(pool, DeadLetterLimit(5), RetentionSettings(), on_stored=kept_in([]))
        await handler([made(0, [one, one], uuid4()), made(1, [one, uuid4()], uuid4())])
    assert await store.admin.fetchval("SELECT count(*) FROM predictions.predictions") == before + 2


async def test_a_moment_outside_the_calendar_is_parked(store):
    """It is a moment in its own time zone and none in UTC: the database's client would end the process, each time."""
    good = made(0, [uuid4()], uuid4())
    odd = replace(good, offset=7, value=re.sub(rb'"at":"[^"]+"', b'"at":"0001-01-01T00:00:00+23:59"', good.value))
    assert odd.value != good.value
    seen = []
    async with create_pool(store.settings) as pool:
        await PredictionHandler(pool, DeadLetterLimit(5), RetentionSettings(), on_stored=kept_in(seen))([odd, good])
    assert [(stored.predictions, stored.parked) for stored in seen] == [(1, 1)]


async def test_an_unreadable_record_is_parked_and_its_neighbours_are_stored(store):
    """One damaged record must not hold up the log of predictions."""
    good = made(0, [uuid4()], uuid4())
    bad = replace(good, value=b'{"replica": 1}', offset=9)
    seen: list[ParkedRecord] = []
    async with create_pool(store.settings) as pool:
        handler = PredictionHandler(pool, DeadLetterLimit(5), RetentionSettings(), on_stored=kept_in(seen))
        await handler([bad, good])
    assert [(stored.predictions, stored.parked) for stored in seen] == [(1, 1)]
    letters = await store.admin.fetch("SELECT value FROM ingest.outbox WHERE topic = $1", PREDICTIONS.name + ".dlq")
    assert [letter["value"] for letter in letters] == [bad.value]


async def test_an_input_is_stored_where_the_auditor_alone_reads_it(store, service_database):
    """It is the row of a patient; who keeps predictions needs no look at it."""
    one = uuid4()
    async with create_pool(store.settings) as pool:
        handler = PredictionHandler(pool, DeadLetterLimit(5), RetentionSettings(), on_stored=kept_in([]))
        chunks = [made(0, [one], uuid4(), input_json='{"age":"[50-60)"}'), made(0, [uuid4()], uuid4())]
        await handler(chunks)
        await handler(chunks)
        with pytest.raises(InsufficientPrivilegeError):
            await pool.fetchval("SELECT input FROM predictions.inputs")
    auditor = await connect(service_database("readmit_auditor"))
    try:
        found = await auditor.fetch("SELECT prediction_id, input FROM predictions.inputs")
    finally:
        await auditor.close()
    assert [tuple(row) for row in found] == [(one, '{"age":"[50-60)"}')]


async def _forget(pool, retention):
    deleted = []
    stop = asyncio.Event()
    running = asyncio.create_task(
        Retention(pool, retention, on_deleted=lambda table, rows: deleted.append((table, rows))).run(stop)
    )
    async with asyncio.timeout(20):
        while ("chunks", 0) not in deleted:
            await asyncio.sleep(0.02)
        stop.set()
        await running
    return deleted


async def _counts(store):
    row = await store.admin.fetchrow(
        """
        SELECT (SELECT count(*) FROM predictions.inputs), (SELECT count(*) FROM predictions.predictions),
               (SELECT count(*) FROM predictions.chunks)
        """
    )
    return tuple(row)


async def test_what_is_too_old_is_deleted_in_small_steps_and_the_inputs_first(store):
    """A deletion of millions of rows in one transaction would hold up those who store."""
    await store.admin.execute("TRUNCATE predictions.predictions, predictions.inputs, predictions.chunks")
    async with create_pool(store.settings) as pool:
        handler = PredictionHandler(pool, DeadLetterLimit(5), RetentionSettings(), on_stored=kept_in([]))
        ages = (0, 20, 40)
        await handler([made(age, [uuid4() for _ in range(25)], uuid4(), age_days=age, input_json="{}") for age in ages])
        assert await _counts(store) == (50, 75, 3)  # inputs of 40 days are not even stored
        deleted = await _forget(pool, RetentionSettings(predictions_days=30, inputs_days=10, step_rows=10))
    assert deleted == [
        *(("inputs", rows) for rows in (10, 10, 5)),
        *(("predictions", rows) for rows in (10, 10, 5)),
        ("chunks", 0),
    ]
    assert await _counts(store) == (25, 50, 3)


async def test_a_deleted_prediction_never_comes_back(store):
    """Topics are read again, and spools come back from a shelf, long after the ledger has forgotten a chunk."""
    await store.admin.execute("TRUNCATE predictions.predictions, predictions.inputs, predictions.chunks")
    chunk = made(0, [uuid4() for _ in range(5)], uuid4(), age_days=40, input_json="{}")
    late = made(1, [uuid4()], uuid4(), age_days=40)
    seen = []
    async with create_pool(store.settings) as pool:
        await PredictionHandler(pool, DeadLetterLimit(5), RetentionSettings(), on_stored=kept_in(seen))([chunk])
        short = RetentionSettings(predictions_days=30, inputs_days=30)
        await _forget(pool, short)
        handler = PredictionHandler(pool, DeadLetterLimit(5), short, on_stored=kept_in(seen))
        await handler([chunk])
        await store.admin.execute("DELETE FROM predictions.chunks")
        await handler([chunk, late])
    assert [(stored.predictions, stored.expired, stored.chunks_repeated) for stored in seen] == [
        (5, 0, 0),
        (0, 0, 1),
        (0, 6, 0),
    ]
    assert await _counts(store) == (0, 0, 2)


async def test_the_ledger_outlasts_what_its_topic_keeps(store):
    """A chunk may be delivered again for 30 days; with a short retention the ledger still knows it then."""
    await store.admin.execute("TRUNCATE predictions.predictions, predictions.inputs, predictions.chunks")
    async with create_pool(store.settings) as pool:
        handler = PredictionHandler(pool, DeadLetterLimit(5), RetentionSettings(), on_stored=kept_in([]))
        await handler([made(number, [uuid4()], uuid4()) for number in range(2)])
        await store.admin.execute(
            "UPDATE predictions.chunks SET recorded_at = now() - interval '61 days' WHERE chunk = 0"
        )
        await store.admin.execute(
            "UPDATE predictions.chunks SET recorded_at = now() - interval '59 days' WHERE chunk = 1"
        )
        deleted = await _forget(pool, RetentionSettings(predictions_days=1, inputs_days=1, step_rows=1))
    assert ("chunks", 1) in deleted
    assert await store.admin.fetch("SELECT chunk FROM predictions.chunks") == [(1,)]
