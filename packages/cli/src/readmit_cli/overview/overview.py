"""Gather what one screen says of the whole system: its parts, the runs, the lag, what is trained and serves."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec
from readmit_contracts.source import SPLITS

from readmit_cli.ingestion.split_progress import SplitProgress, by_split
from readmit_cli.model_rows import ChampionStatus, JobStatus, ModelStatus, ReplicaStatus
from readmit_cli.overview.alerts import Alert
from readmit_cli.stack.prerequisites import Check
from readmit_cli.status_rows import BatchStatus, RunStatus, StoreStatus, TableStatus
from readmit_cli.topic_views.lag_view import LagRow

LAST_RUNS = 5
LAST_JOBS = 3


class ActiveRun(msgspec.Struct, frozen=True, kw_only=True):
    """How far a run that is under way has come, split by split."""

    run_id: UUID
    splits: tuple[SplitProgress, ...]


class StoreOverview(msgspec.Struct, frozen=True, kw_only=True):
    """What is in the database.

    `batches` counts them by split and state, in the store's generation; `auroc` is of the champions, by their model's
    id and split, as far as it is on record.
    """

    store: StoreStatus
    tables: tuple[TableStatus, ...]
    batches: dict[str, dict[str, int]]
    runs: tuple[RunStatus, ...]
    active: tuple[ActiveRun, ...]
    jobs: tuple[JobStatus, ...]
    champions: tuple[ChampionStatus, ...]
    auroc: dict[str, dict[str, float]]
    replicas: tuple[ReplicaStatus, ...]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The whole system at a moment.

    `store` is None while the database can't be reached, `lag` while Kafka can't, `alerts` while Prometheus can't be
    asked; `unreachable`, `lag_unreachable` and `alerts_unreachable` then say why.
    """

    at: datetime
    parts: tuple[Check, ...]
    store: StoreOverview | None
    unreachable: str | None = None
    lag: tuple[LagRow, ...] | None
    lag_unreachable: str | None = None
    alerts: tuple[Alert, ...] | None
    alerts_unreachable: str | None = None

    @property
    def whole(self) -> bool:
        """Whether no part is down; an alert is none."""
        down = any(check.verdict == "failed" for check in self.parts)
        return self.store is not None and self.lag is not None and not down


class Status(Protocol):
    """What is asked of the status views of the store."""

    async def store(self) -> StoreStatus:
        """Return the store's generation."""
        ...

    async def tables(self) -> Sequence[TableStatus]:
        """Return the rows of each table."""
        ...

    async def batches(self, generation: int) -> Sequence[BatchStatus]:
        """Return every batch of a generation."""
        ...

    async def runs(self, limit: int) -> Sequence[RunStatus]:
        """Return the active runs, and the last ones."""
        ...

    async def run_batches(self, run_id: UUID) -> Sequence[BatchStatus]:
        """Return the run's batches."""
        ...


class Models(Protocol):
    """What is asked of the status views of training and serving."""

    async def jobs(self, limit: int) -> Sequence[JobStatus]:
        """Return the active jobs, and the last ones."""
        ...

    async def champions(self) -> Sequence[ChampionStatus]:
        """Return the model that serves under each name."""
        ...

    async def models_beginning(self, beginning: str) -> Sequence[ModelStatus]:
        """Return models whose id begins so."""
        ...

    async def replicas(self) -> Sequence[ReplicaStatus]:
        """Return the predictor processes that live."""
        ...


async def gather(status: Status, models: Models) -> StoreOverview:
    """Read what the database has to say."""
    store = await status.store()
    runs = tuple(await status.runs(LAST_RUNS))
    champions = tuple(await models.champions())
    return StoreOverview(
        store=store,
        tables=tuple(await status.tables()),
        batches=_by_state(await status.batches(store.generation)),
        runs=runs,
        active=tuple(
            [
                ActiveRun(run_id=run.run_id, splits=by_split(await status.run_batches(run.run_id)))
                for run in runs
                if run.active
            ]
        ),
        jobs=tuple(await models.jobs(LAST_JOBS)),
        champions=champions,
        auroc={
            model.model_id: _auroc(model)
            for champion in champions
            for model in await models.models_beginning(champion.model_id)
        },
        replicas=tuple(await models.replicas()),
    )


def as_dict(overview: Overview) -> dict[str, Any]:
    """Return the overview for machines."""
    fields: dict[str, Any] = msgspec.to_builtins(overview)
    return fields


def _by_state(batches: Sequence[BatchStatus]) -> dict[str, dict[str, int]]:
    return {split: dict(Counter(batch.state for batch in batches if batch.split == split)) for split in SPLITS}


def _auroc(model: ModelStatus) -> dict[str, float]:
    metrics = model.metrics or {}
    return {split: metrics[split]["auroc"] for split in SPLITS if "auroc" in metrics.get(split, {})}
