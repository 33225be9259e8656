"""Drive the batch producer's parts against a real database: commands in, the ledger and the outbox out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

from batch_producer.dataset_file import DatasetFile
from batch_producer.metrics import BatchProducerMetrics
from batch_producer.planning.start import StartIngestionHandler
from batch_producer.runs.commands import cancel, reset, resume
from batch_producer.settings import StreamingSettings
from batch_producer.streaming.run_stream import RunStream
from batch_producer.streaming.store import StreamingStore
from batch_producer.streaming.worker import StreamingWorker
from prometheus_client import CollectorRegistry
from readmit_contracts import ids
from readmit_contracts.commands import CancelIngestion, ResetStore, ResumeIngestion, StartIngestion
from readmit_contracts.envelope import decode
from readmit_contracts.fields import Message
from readmit_contracts.registry import ce_type
from readmit_contracts.source import Split
from readmit_contracts.topics import BATCHES
from readmit_runtime.backoff import Backoff
from readmit_runtime.commands import CommandHandler
from readmit_runtime.database import Connection, Pool
from readmit_runtime.dead_letters import DeadLetterLimit
from readmit_runtime.heartbeat import Heartbeat
from readmit_runtime.messages import IncomingRecord, OutgoingRecord
from readmit_runtime.producer import Producer
from readmit_runtime.testing.fake_broker import FakeBroker
from support.command_records import command_record

CONSUMER = "batch_producer"
LEDGER_TABLES = (
    "raw.train, raw.validation, raw.test, clean.train, clean.validation, clean.test, ingest.chunks, ingest.batches, "
    "ingest.runs, ingest.run_batches, ingest.datasets, ingest.planned_chunks, ingest.quarantine, ingest.duplicates, "
    "ingest.outbox, ingest.inbox, ingest.decisions, raw.superseded"
)

Event = TypeVar("Event", bound=Message)


class Rig:
    """The parts on one database: `admin` arranges and looks as its owner, everything else is the service's role."""

    def __init__(self, admin: Connection, pool: Pool, dataset: Path) -> None:
        self.admin = admin
        self.pool = pool
        self.path = dataset
        self.dataset = DatasetFile(dataset)
        self.commands = CommandHandler(
            pool,
            "ingest",
            CONSUMER,
            {
                StartIngestion: StartIngestionHandler(self.dataset),
                CancelIngestion: cancel,
                ResumeIngestion: resume,
                ResetStore: reset,
            },
            limit=DeadLetterLimit(1000),
            wake=lambda: None,
        )

    async def empty(self) -> None:
        """Bring the database back to where the migrations left it."""
        await self.admin.execute(f"TRUNCATE {LEDGER_TABLES} RESTART IDENTITY")
        await self.admin.execute("UPDATE ingest.store SET generation = 1, reset_at = NULL")

    async def do(self, command: Message, *, command_id: UUID | None = None) -> Mapping[str, Any]:
        """Handle a command as the consumer does, and give its inbox row."""
        command_id = command_id or uuid4()
        await self.commands([command_record(command, command_id)])
        row = await self.admin.fetchrow("SELECT * FROM ingest.inbox WHERE command_id = $1", command_id)
        assert row is not None
        return dict(row)

    async def start(self, **batches: Any) -> UUID:
        """Plan a run over these batches by split, and give its id."""
        command_id = uuid4()
        done = await self.do(StartIngestion(batches=batches, then="nothing"), command_id=command_id)
        assert done["outcome"] != "rejected", done["detail"]
        return ids.run_id(command_id)

    async def wanted(self, run_id: UUID) -> list[tuple[str, int]]:
        """Give the run's batches."""
        rows = await self.admin.fetch(
            "SELECT split, batch FROM ingest.run_batches WHERE run_id = $1 ORDER BY split, batch", run_id
        )
        return [(row["split"], row["batch"]) for row in rows]

    async def run(self, run_id: UUID) -> Mapping[str, Any]:
        """Give the run's row."""
        row = await self.admin.fetchrow("SELECT * FROM ingest.runs WHERE run_id = $1", run_id)
        assert row is not None
        return dict(row)

    async def count(self, table: str) -> int:
        """Count a table's rows."""
        number: int = await self.admin.fetchval(f"SELECT count(*) FROM {table}")
        return number

    async def fill(self, split: Split, batch: int, state: str, *, quarantined: int = 0) -> None:
        """Let a batch of the current generation have arrived and be in this state, as the ingestor would leave it."""
        await self.admin.execute(
            """
            UPDATE ingest.batches
            SET state = $3, published = planned_rows, stored = planned_rows - $4, quarantined = $4,
                sha256 = CASE WHEN $3 = 'clean' THEN repeat('0', 64) END,
                failed_reason = CASE WHEN $3 = 'failed' THEN 'QUARANTINE_LIMIT' END,
                failed_detail = CASE WHEN $3 = 'failed' THEN 'too many' END
            WHERE split = $1 AND batch = $2 AND generation = (SELECT generation FROM ingest.store)
            """,
            split,
            batch,
            state,
            quarantined,
        )

    async def enter_ledger(self, split: Split, batch: int, chunks: Sequence[int]) -> None:
        """Let these chunks have arrived in the current generation."""
        await self.admin.execute(
            """
            INSERT INTO ingest.chunks
                (generation, dataset_no, split, batch, chunk, rows, sha256, topic, partition, "offset")
            SELECT (SELECT generation FROM ingest.store), dataset_no, split, batch, chunk, rows, sha256, 'test', 0, 0
            FROM ingest.planned_chunks WHERE split = $1 AND batch = $2 AND chunk = ANY ($3)
            """,
            split,
            batch,
            list(chunks),
        )

    async def events(self, event_type: type[Event]) -> list[Event]:
        """Give the events of one type in the outbox, in order."""
        rows = await self.admin.fetch(
            "SELECT value FROM ingest.outbox "
            "WHERE $1::bytea = ANY (header_values) AND topic NOT LIKE '%.dlq' ORDER BY id",
            ce_type(event_type).encode(),
        )
        found = [decode(ce_type(event_type), row["value"]) for row in rows]
        return [event for event in found if isinstance(event, event_type)]

    async def dead_letters(self) -> int:
        """Count the parked commands in the outbox."""
        number: int = await self.admin.fetchval("SELECT count(*) FROM ingest.outbox WHERE topic LIKE '%.dlq'")
        return number

    def streaming(self, *, owner: str = "test", lease_s: float = 10.0) -> StreamingStore:
        """Make the runs as a worker sees them."""
        return StreamingStore(self.pool, owner=owner, lease_s=lease_s)

    def worker(self, producer: Producer, *, owner: str = "test", **settings: float) -> StreamingWorker:
        """Make a worker that sends one chunk at a time and looks for runs all the time."""
        streaming = StreamingSettings.model_validate({"poll_s": 0.02, "chunks_in_flight": 1, **settings})
        store = self.streaming(owner=owner, lease_s=streaming.lease_s)
        metrics = BatchProducerMetrics(CollectorRegistry())
        heartbeat = Heartbeat(60)
        stream = RunStream(
            store,
            self.dataset,
            producer,
            chunks_in_flight=streaming.chunks_in_flight,
            metrics=metrics,
            heartbeat=heartbeat,
        )
        return StreamingWorker(
            store,
            stream,
            streaming,
            metrics=metrics,
            heartbeat=heartbeat,
            backoff=Backoff(first_s=0.02, most_s=0.1),
        )


def batches_broker() -> FakeBroker:
    """Make a broker in memory that has the topics of the batches."""
    broker = FakeBroker()
    for topic in BATCHES.values():
        broker.create_topic(topic.name, partitions=topic.partitions_local)
    return broker


def sent_chunks(records: Sequence[OutgoingRecord | IncomingRecord]) -> list[tuple[str, int, int]]:
    """Give split, batch and chunk of each record of a chunk, in the order of the records."""
    found = [dict(record.headers) for record in records]
    return [
        (
            headers["readmit_split"].decode(),
            int(headers["readmit_batch"]),
            int(headers["readmit_chunk"]),
        )
        for headers in found
    ]
