"""Build the events that the batch producer announces; each goes to the outbox in the transaction that makes it true."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record
from readmit_contracts import ids
from readmit_contracts.batches import BatchCounts
from readmit_contracts.commands import CancelIngestion, ResetStore
from readmit_contracts.events import (
    BatchStored,
    IngestionCancelled,
    IngestionCompleted,
    IngestionFailed,
    IngestionPlanned,
    StoreReset,
)
from readmit_contracts.fields import Message
from readmit_contracts.registry import ce_type
from readmit_contracts.topics import INGESTION_EVENTS
from readmit_runtime import trace_context
from readmit_runtime.messages import OutgoingRecord, outgoing

SOURCE = "/readmit/batch_producer"
Event = tuple[UUID, OutgoingRecord]
Row = Mapping[str, Any] | Record

_DETAIL_MAX = 500  # what the event's field takes


def ingestion_planned(message: IngestionPlanned) -> Event:
    """Say that a run stands in the ledger."""
    return _event(message, message.run_id)


def ingestion_completed(run: Row) -> Event:
    """Say that every batch of a run is clean. `run` has the `event` of `ingest.complete_runs`, and `traceparent`."""
    message = msgspec.json.decode(run["event"], type=IngestionCompleted)
    with trace_context.of_row(run["traceparent"]):
        return _event(message, message.run_id)


def ingestion_failed(run: Row) -> Event:
    """Say that a run ended. `run` is a row of `ingest.runs`; it may fail again after a resume, at another time."""
    message = IngestionFailed(
        run_id=run["run_id"],
        generation=run["generation"],
        reason=run["reason"],
        detail=run["detail"][:_DETAIL_MAX],
    )
    with trace_context.of_row(run["traceparent"]):
        return _event(message, run["run_id"], run["finished_at"].isoformat().replace(":", ""))


def ingestion_cancelled(command: CancelIngestion, *, command_id: UUID, generation: int) -> Event:
    """Say that a command ended a run's streaming."""
    message = IngestionCancelled(
        run_id=command.run_id, generation=generation, command_id=command_id, reason=command.reason
    )
    return _event(message, command.run_id)


def store_reset(command: ResetStore, *, command_id: UUID, generation: int) -> Event:
    """Say that the store is empty and of a new generation."""
    message = StoreReset(generation=generation, command_id=command_id, reason=command.reason, actor=command.actor)
    return _event(message, generation)


def batch_stored(batch: Row, *, command_id: UUID) -> Event:
    """Say that a failed batch, taken up again by a command, is full. `batch` is a row with its dataset_id."""
    counts = {name: batch[name] for name in ("published", "stored", "duplicate", "quarantined", "discarded")}
    message = BatchStored(
        dataset_id=batch["dataset_id"],
        dataset_no=batch["dataset_no"],
        split=batch["split"],
        batch=batch["batch"],
        generation=batch["generation"],
        counts=BatchCounts(planned=batch["planned_rows"], **counts),
    )
    return _event(message, batch["generation"], batch["dataset_no"], batch["split"], batch["batch"], command_id)


def _event(message: Message, *parts: str | int | UUID) -> Event:
    event_id = ids.event_id(ce_type(type(message)), *parts)
    return event_id, outgoing(INGESTION_EVENTS, message, source=SOURCE, id=event_id)
