"""Answered predictions against a real Postgres, in the role of the ingestor."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from ingestor.parked import ParkedRecord
from ingestor.predictions.handler import PredictionHandler
from readmit_contracts.events import PredictionRecord, PredictionsMade
from readmit_contracts.topics import PREDICTIONS
from readmit_runtime.database import create_pool
from readmit_runtime.dead_letters import DeadLetterLimit
from readmit_runtime.messages import IncomingRecord, outgoing


def made(chunk: int, ids: list[UUID], segment: UUID) -> IncomingRecord:
    """Give a chunk of a segment as delivered."""
    records = tuple(
        PredictionRecord(
            prediction_id=prediction_id,
            at=datetime(2026, 1, 1, tzinfo=UTC),
            model="readmission",
            model_id="a" * 64,
            epoch=3,
            probability=0.25,
            decision="high_risk",
            threshold=0.2,
            input_sha256="b" * 64,
        )
        for prediction_id in ids
    )
    message = PredictionsMade(replica="replica-1", segment=segment, chunk=chunk, records=records)
    record = outgoing(PREDICTIONS, message, source="/readmit/predictor", id=uuid4())
    return IncomingRecord(record.topic, 0, chunk, record.key, record.value, record.headers, 0)


async def test_a_chunk_of_predictions_counts_once_however_often_it_comes(store):
    """The predictor ships a segment again whenever it does not know whether it arrived."""
    segment = uuid4()
    chunks = [made(number, [uuid4() for _ in range(10)], segment) for number in range(3)]
    seen = []
    async with create_pool(store.settings) as pool:
        handler = PredictionHandler(pool, DeadLetterLimit(5), on_stored=seen.append)
        await asyncio.gather(*(handler(chunks) for _ in range(3)))
    assert sum(stored.predictions for stored in seen) == 30
    assert await store.admin.fetchval("SELECT count(*) FROM predictions.predictions WHERE epoch = 3") == 30


async def test_a_request_repeated_under_one_id_is_one_prediction(store):
    """An idempotency key gives a repeated request the same id; two records of it are one prediction."""
    before = await store.admin.fetchval("SELECT count(*) FROM predictions.predictions")
    one = uuid4()
    async with create_pool(store.settings) as pool:
        handler = PredictionHandler(pool, DeadLetterLimit(5), on_stored=lambda _: None)
        await handler([made(0, [one, one], uuid4()), made(1, [one, uuid4()], uuid4())])
    assert await store.admin.fetchval("SELECT count(*) FROM predictions.predictions") == before + 2


async def test_a_moment_outside_the_calendar_is_parked(store):
    """It is a moment in its own time zone and none in UTC: the database's client would end the process, each time."""
    good = made(0, [uuid4()], uuid4())
    odd = replace(good, offset=7, value=good.value.replace(b"2026-01-01T00:00:00Z", b"0001-01-01T00:00:00+23:59"))
    assert odd.value != good.value
    seen = []
    async with create_pool(store.settings) as pool:
        await PredictionHandler(pool, DeadLetterLimit(5), on_stored=seen.append)([odd, good])
    assert [(stored.predictions, stored.parked) for stored in seen] == [(1, 1)]


async def test_an_unreadable_record_is_parked_and_its_neighbours_are_stored(store):
    """One damaged record must not hold up the log of predictions."""
    good = made(0, [uuid4()], uuid4())
    bad = replace(good, value=b'{"replica": 1}', offset=9)
    seen: list[ParkedRecord] = []
    async with create_pool(store.settings) as pool:
        handler = PredictionHandler(pool, DeadLetterLimit(5), on_stored=seen.append)
        await handler([bad, good])
    assert [(stored.predictions, stored.parked) for stored in seen] == [(1, 1)]
    letters = await store.admin.fetch("SELECT value FROM ingest.outbox WHERE topic = $1", PREDICTIONS.name + ".dlq")
    assert [letter["value"] for letter in letters] == [bad.value]
