"""Ask predictors as callers do, and account for what was answered against what the log has."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter

import httpx
from ingestor.predictions.handler import PredictionHandler
from ingestor.settings import RetentionSettings
from readmit_contracts.events import PredictionsMade
from readmit_contracts.predictions import example_encounter
from readmit_contracts.topics import PREDICTIONS
from readmit_runtime.database import connect, create_pool
from readmit_runtime.dead_letters import DeadLetterLimit
from readmit_runtime.messages import IncomingRecord, incoming
from readmit_runtime.settings import PostgresSettings
from support.predictor_process import PredictorProcess, PredictorWorld

GROUP = 40


@dataclass
class Answers:
    """What callers got: the ids of whole answers, the other statuses, and how long each took."""

    ids: set[str] = field(default_factory=set)
    refused: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


async def ask(predictor: PredictorProcess, answers: Answers) -> int:
    """Ask once and return the status; a connection that breaks is no answer and raises httpx.TransportError."""
    began = perf_counter()
    response = await predictor.client.post("/v1/predict", json=example_encounter())
    answers.seconds.append(perf_counter() - began)
    if response.status_code == httpx.codes.OK:
        answers.ids.add(response.json()["prediction_id"])
    else:
        answers.refused.append(response.status_code)
    return response.status_code


@asynccontextmanager
async def load(
    predictor: PredictorProcess, answers: Answers, *, callers: int = 4, pause_s: float = 0.0
) -> AsyncIterator[None]:
    """Ask by several callers, each again after a pause; they end when the process is gone, or with the body."""
    done = asyncio.Event()

    async def call() -> None:
        try:
            while not done.is_set():
                await ask(predictor, answers)
                await asyncio.sleep(pause_s)
        except httpx.TransportError:
            if predictor.process.returncode is None:
                await asyncio.wait_for(predictor.process.wait(), 5)  # only a dead process may break a connection

    calling = [asyncio.create_task(call()) for _ in range(callers)]
    try:
        yield
    finally:
        done.set()
        await asyncio.gather(*calling)


async def shipped(world: PredictorWorld, replicas: Sequence[str]) -> list[IncomingRecord]:
    """Give what these replicas' log has in Kafka, every delivery of it."""
    records = await world.records(PREDICTIONS)
    return [record for record in records if (record.key or b"").split(b":")[0].decode() in replicas]


def chunks_of(records: Sequence[IncomingRecord]) -> list[PredictionsMade]:
    """Give each chunk once; fails when two deliveries of one differ."""
    by_key: dict[bytes, IncomingRecord] = {}
    for record in records:
        assert record.key is not None
        first = by_key.setdefault(record.key, record)
        assert (first.value, first.headers) == (record.value, record.headers)
    chunks = [incoming(record)[1] for record in by_key.values()]
    return [chunk for chunk in chunks if isinstance(chunk, PredictionsMade)]


async def stored(records: Sequence[IncomingRecord], ingestor: PostgresSettings, admin: PostgresSettings) -> list[str]:
    """Let the ingestor store these deliveries, all of them a second time, and give the ids in its table."""
    groups = [records[begin : begin + GROUP] for begin in range(0, len(records), GROUP)]
    async with create_pool(ingestor) as pool:
        handler = PredictionHandler(pool, DeadLetterLimit(5), RetentionSettings(), on_stored=lambda *_: None)
        for group in [*groups, *groups]:
            await handler(group)
    connection = await connect(admin)
    try:
        rows = await connection.fetch("SELECT prediction_id FROM predictions.predictions")
    finally:
        await connection.close()
    return [str(row["prediction_id"]) for row in rows]
