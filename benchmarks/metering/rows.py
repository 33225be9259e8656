"""Store the dataset over and over by the ingestor's handler of chunks, with its metrics and without."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ingestor.chunks.handler import ChunkHandler
from ingestor.chunks.rows import warm_up
from ingestor.metrics import IngestorMetrics
from metering.rounds import EACH, WITH, WITHOUT, Round, order
from prometheus_client import CollectorRegistry
from readmit_cli.stack.credentials import DATABASE_OWNER
from readmit_cli.stack.stack import Stack
from readmit_runtime import logs
from readmit_runtime.consumer import Handler
from readmit_runtime.database import DirectConnection, connect, create_pool
from readmit_runtime.dead_letters import DeadLetterLimit
from readmit_runtime.messages import IncomingRecord
from readmit_runtime.settings import PostgresSettings
from support.encounters import source_file
from support.planned_store import PlannedStore, records

GROUP_CHUNKS = 40  # the ingestor's own
STORED_TIMES = 4


async def measure_rows(stack: Stack, dataset: Path, folder: Path, rounds: int) -> list[Round]:
    """Return the CPU seconds of both handlers in each round."""
    warm_up()
    logs.configure(service="benchmark", level="WARNING")
    settings = PostgresSettings.model_validate(asdict(stack.database("readmit_ingestor")))
    admin = await connect(PostgresSettings.model_validate(asdict(stack.database(DATABASE_OWNER))))
    lines = dataset.read_text().splitlines()[1:]
    source = source_file(lines)
    await admin.execute("UPDATE ingest.store SET generation = 1")
    await PlannedStore(admin, settings, folder).plan(source, lines)
    chunks = records(source)
    measured = []
    try:
        async with create_pool(settings) as pool:
            metrics = IngestorMetrics(CollectorRegistry())
            limit = DeadLetterLimit(50)
            handlers: dict[str, Handler] = {
                WITH: metrics.loops.aged("chunks", ChunkHandler(pool, limit, on_stored=metrics.group_stored)),
                WITHOUT: ChunkHandler(pool, limit, on_stored=lambda *_: None),
            }
            await _store(admin, handlers[WITHOUT], chunks)
            for number in range(rounds):
                measured.append({which: await _store(admin, handlers[which], chunks) for which in order(number)})
                print(f"round {number + 1}, CPU s per {EACH:,} rows: {measured[-1]}", flush=True)
    finally:
        await admin.close()
    return measured


async def _store(admin: DirectConnection, handle: Handler, chunks: Sequence[IncomingRecord]) -> float:
    """Store the dataset, some times over, group by group; give CPU seconds of this process per 100,000 rows."""
    taken_s = []
    for _ in range(STORED_TIMES):
        await admin.execute(
            "TRUNCATE raw.train, raw.validation, raw.test, ingest.chunks, ingest.quarantine, ingest.duplicates, "
            "ingest.decisions, ingest.outbox, raw.superseded"
        )
        await admin.execute(
            "UPDATE ingest.batches SET state = 'planned', published = 0, stored = 0, duplicate = 0, quarantined = 0, "
            "stored_at = NULL"
        )
        began_s = time.process_time()
        for first in range(0, len(chunks), GROUP_CHUNKS):
            await handle(chunks[first : first + GROUP_CHUNKS])
        cpu_s = time.process_time() - began_s
        rows = await admin.fetchval("SELECT sum(stored + duplicate + quarantined) FROM ingest.batches")
        taken_s.append(cpu_s / int(rows) * EACH)
    return statistics.median(taken_s)
