"""Runs and commands in memory, as the API of the batch producer reads them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from batch_producer.api.models import BatchProgress, CommandResult, Run, RunDetail, percent
from readmit_contracts.source import SPLITS, Split

COUNTS = ("planned_rows", "published", "missing", "stored", "duplicate", "quarantined", "discarded")
DATASET_ID = UUID("6f0c7a52-34a5-5d0a-8d51-3c5f6a3d9a10")
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class BatchOfRun:
    """A batch as a test arranges it."""

    split: Split
    batch: int
    state: str = "planned"
    planned: int = 15_000
    published: int = 0
    quarantined: int = 0
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunOfTest:
    """A run as a test arranges it; `planned_s` orders runs, in seconds."""

    state: str = "planned"
    batches: Sequence[BatchOfRun] = ()
    planned_s: int = 0
    reason: str | None = None
    detail: str | None = None
    run_id: UUID = field(default_factory=uuid4)
    command_id: UUID = field(default_factory=uuid4)

    @property
    def finished(self) -> bool:
        """Whether it has come to an end."""
        return self.state in {"completed", "cancelled", "failed"}


class FakeRunReader:
    """A RunReader of what `add_run` and `add_command` put in."""

    def __init__(self) -> None:
        self._runs: list[RunOfTest] = []
        self._commands: dict[UUID, CommandResult] = {}

    async def add_run(self, run: RunOfTest) -> None:
        """Let there be a run, over all of validation in words."""
        self._runs.append(run)

    def replace(self, run: RunOfTest) -> None:
        """Let a run have moved on."""
        self._runs = [run if known.run_id == run.run_id else known for known in self._runs]

    async def add_command(self, command_id: UUID, outcome: str, *, reason: str | None = None) -> None:
        """Let a StartIngestion have had its turn."""
        self._commands[command_id] = CommandResult.model_validate(
            {
                "command_id": command_id,
                "command_type": "readmit.StartIngestion.v1",
                "outcome": outcome,
                "reason": reason,
                "detail": None,
                "subject": None,
                "recorded_at": START,
            }
        )

    async def runs(self, *, limit: int) -> list[Run]:
        """Return up to `limit` runs, the one planned last first."""
        latest = sorted(self._runs, key=lambda run: -run.planned_s)
        return [Run.model_validate(_run(run)) for run in latest[:limit]]

    async def run(self, run_id: UUID) -> RunDetail | None:
        """Return a run with its batches; None for an unknown run."""
        for run in self._runs:
            if run.run_id == run_id:
                ordered = sorted(run.batches, key=lambda batch: (SPLITS.index(batch.split), batch.batch))
                return RunDetail.model_validate({**_run(run), "batch_progress": [_batch(batch) for batch in ordered]})
        return None

    async def command(self, command_id: UUID) -> CommandResult | None:
        """Return what became of a command; None before its turn."""
        return self._commands.get(command_id)


def _run(run: RunOfTest) -> dict[str, Any]:
    batches = [_batch(batch) for batch in run.batches]
    counts = {name: sum(getattr(batch, name) for batch in batches) for name in COUNTS}
    planned_at = START + timedelta(seconds=run.planned_s)
    return {
        **counts,
        "percent": percent(published=counts["published"], planned=counts["planned_rows"]),
        "run_id": run.run_id,
        "command_id": run.command_id,
        "generation": 1,
        "dataset_id": DATASET_ID,
        "requested": {"validation": "all"},
        "then": "nothing",
        "state": run.state,
        "reason": run.reason,
        "detail": run.detail,
        "batches": len(batches),
        "clean_batches": sum(batch.state == "clean" for batch in batches),
        "planned_at": planned_at,
        "streaming_at": None,
        "sent_at": None,
        "finished_at": planned_at if run.finished else None,
    }


def _batch(batch: BatchOfRun) -> BatchProgress:
    return BatchProgress.model_validate(
        {
            "split": batch.split,
            "batch": batch.batch,
            "state": batch.state,
            "reason": batch.reason,
            "detail": batch.detail,
            "planned_rows": batch.planned,
            "published": batch.published,
            "missing": batch.planned - batch.published,
            "stored": batch.published - batch.quarantined,
            "duplicate": 0,
            "quarantined": batch.quarantined,
            "discarded": 0,
            "percent": percent(published=batch.published, planned=batch.planned),
        }
    )
