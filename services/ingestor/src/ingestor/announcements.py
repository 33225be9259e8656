"""Build the events that the ingestor announces; each goes to the outbox in the transaction that makes it true."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record
from readmit_contracts import ids
from readmit_contracts.batches import BatchCounts, BatchRef
from readmit_contracts.events import BatchCleaned, BatchFailed, BatchStored, IngestionCompleted, IngestionFailed
from readmit_contracts.fields import Message
from readmit_contracts.registry import ce_type
from readmit_contracts.topics import INGESTION_EVENTS
from readmit_runtime import trace_context
from readmit_runtime.dead_letters import dead_letter, dead_letter_id
from readmit_runtime.messages import OutgoingRecord, outgoing

from ingestor.chunks.outcome import QuarantinedRow
from ingestor.parked import ParkedRecord

SOURCE = "/readmit/ingestor"
CONSUMER = "ingestor"
Event = tuple[UUID, OutgoingRecord]
Row = Mapping[str, Any] | Record


def batch_stored(batch: Row) -> Event:
    """Say that a batch is full. `batch` is a row of `ingest.batches` with its dataset_id."""
    return _event(BatchStored(**_name(batch), counts=_counts(batch)), *_parts(batch))


def batch_cleaned(batch: Row) -> Event:
    """Say that a batch stands in the clean tables, and with which content hash."""
    ref = BatchRef(
        dataset_id=batch["dataset_id"],
        dataset_no=batch["dataset_no"],
        split=batch["split"],
        batch=batch["batch"],
        rows=batch["stored"],
        sha256=batch["sha256"],
    )
    message = BatchCleaned(batch=ref, generation=batch["generation"], counts=_counts(batch))
    return _event(message, *_parts(batch), batch["sha256"])


def batch_failed(batch: Row) -> Event:
    """Say that a batch can't go on; it may fail again after a resume, at another time. `batch` has `failed_at` too."""
    message = BatchFailed(
        **_name(batch), counts=_counts(batch), reason=batch["failed_reason"], detail=batch["failed_detail"]
    )
    return _event(message, *_parts(batch), batch["failed_at"].isoformat().replace(":", ""))


def ingestion_failed(run: Row) -> Event:
    """Say that a run ended because one of its batches did; it may fail again after a resume."""
    message = IngestionFailed(
        run_id=run["run_id"], generation=run["generation"], reason=run["reason"], detail=run["detail"]
    )
    with trace_context.of_row(run["traceparent"]):
        return _event(message, run["run_id"], run["finished_at"].isoformat().replace(":", ""))


def ingestion_completed(run: Row) -> Event:
    """Say that every batch of a run is clean. `run` has the `event` of `ingest.complete_runs`, and `traceparent`."""
    message = msgspec.json.decode(run["event"], type=IngestionCompleted)
    with trace_context.of_row(run["traceparent"]):
        return _event(message, message.run_id)


def parked(parked: ParkedRecord) -> Event:
    """Send a record that can't be used to its dead letter topic, as it came."""
    record = parked.record
    return dead_letter_id(record), dead_letter(record, parked.reason, parked.detail, consumer=CONSUMER)


def quarantined(row: QuarantinedRow) -> Event:
    """Send a bad row's line to the dead letter topic of its chunk, under the chunk's key and headers."""
    record = replace(row.record, value=row.line, headers=(*row.record.headers, ("readmit_row_no", b"%d" % row.row_no)))
    detail = f"row {row.row_no} of {row.batch.split}: {row.bad.field} is {row.bad.reason}"
    return dead_letter_id(record), dead_letter(record, row.bad.reason, detail, consumer=CONSUMER)


def _event(message: Message, *parts: str | int | UUID) -> Event:
    event_id = ids.event_id(ce_type(type(message)), *parts)
    return event_id, outgoing(INGESTION_EVENTS, message, source=SOURCE, id=event_id)


def _name(batch: Row) -> dict[str, Any]:
    return {name: batch[name] for name in ("dataset_id", "dataset_no", "split", "batch", "generation")}


def _parts(batch: Row) -> tuple[int, int, str, int]:
    return batch["generation"], batch["dataset_no"], batch["split"], batch["batch"]


def _counts(batch: Row) -> BatchCounts:
    return BatchCounts(
        planned=batch["planned_rows"],
        **{name: batch[name] for name in ("published", "stored", "duplicate", "quarantined", "discarded")},
    )
