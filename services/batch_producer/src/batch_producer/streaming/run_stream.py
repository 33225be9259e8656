"""Send one run's chunks: those without a ledger row, a few in flight, with a look at the run in between."""

import asyncio
from collections.abc import Iterator, Sequence

from readmit_contracts.chunks import Chunk, cut
from readmit_contracts.reasons import Reason
from readmit_contracts.source import DatasetInvalid, SourceFile, Split
from readmit_runtime.errors import Rejected
from readmit_runtime.heartbeat import Heartbeat
from readmit_runtime.leases import LeaseLost
from readmit_runtime.producer import Producer, positions

from batch_producer.dataset_file import DatasetFile
from batch_producer.metrics import BatchProducerMetrics
from batch_producer.streaming.records import chunk_record
from batch_producer.streaming.store import ClaimedRun, StreamingStore


class RunStream:
    """Sends what is missing of a claimed run."""

    def __init__(
        self,
        store: StreamingStore,
        dataset: DatasetFile,
        producer: Producer,
        *,
        chunks_in_flight: int,
        metrics: BatchProducerMetrics,
        heartbeat: Heartbeat,
    ) -> None:
        """Take where the run is read from and sent to; `heartbeat` is beaten between chunks."""
        self._store = store
        self._dataset = dataset
        self._producer = producer
        self._chunks_in_flight = chunks_in_flight
        self._metrics = metrics
        self._heartbeat = heartbeat

    async def send(self, run: ClaimedRun, stop: asyncio.Event) -> bool:
        """Send every chunk of the run that has no ledger row; False when `stop` was set before all were confirmed.

        Raises LeaseLost when the run was cancelled, ended or taken over meanwhile, DatasetInvalid when the file is
        gone or another, Rejected for a chunk that can never be sent, and Transient when Kafka or Postgres is away.
        """
        source = await self._dataset.read()
        if source.sha256 != run.file_sha256:
            raise DatasetInvalid(
                Reason.DATASET_SHA256,
                f"The dataset file was planned with sha256 {run.file_sha256} and has {source.sha256} now; put the "
                "planned file back and resume the run, or start a new one.",
            )
        for split, batch in await self._store.batches(run):
            chunks = await self._missing_chunks(run, source, split, batch)
            for group in _groups(chunks, self._chunks_in_flight):
                if stop.is_set():
                    return False
                await self._send(run, split, group)
        return True

    async def _missing_chunks(self, run: ClaimedRun, source: SourceFile, split: Split, batch: int) -> list[Chunk]:
        planned = await self._store.missing_chunks(run, split, batch)
        if not planned:
            return []
        chunks = await asyncio.to_thread(_cut, run, source, split, batch)
        missing = [chunk for chunk in chunks if chunk.chunk in planned]
        if {chunk.chunk: chunk.sha256 for chunk in missing} != planned:
            raise Rejected(
                Reason.CHUNK_CONFLICT,
                f"The chunks of batch {batch} of {split} are not those that were planned, though the file is the same; "
                "run the release that planned them.",
            )
        return missing

    async def _send(self, run: ClaimedRun, split: Split, chunks: Sequence[Chunk]) -> None:
        if not await self._store.held(run):
            raise LeaseLost("the run was ended or taken over while it was sent")
        positions(await self._producer.publish_all([chunk_record(chunk) for chunk in chunks]))
        self._heartbeat.beat()
        self._metrics.chunks_sent(split, chunks=len(chunks), rows=sum(chunk.rows for chunk in chunks))


def _cut(run: ClaimedRun, source: SourceFile, split: Split, batch: int) -> list[Chunk]:
    whole = source.batches(split)[batch]
    return list(
        cut(
            source.batch_lines(whole),
            dataset_id=run.dataset_id,
            dataset_no=run.dataset_no,
            generation=run.generation,
            split=split,
            batch=batch,
            first_row=whole.first_row,
        )
    )


def _groups(chunks: Sequence[Chunk], size: int) -> Iterator[Sequence[Chunk]]:
    for start in range(0, len(chunks), size):
        yield chunks[start : start + size]
