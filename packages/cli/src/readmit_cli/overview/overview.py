"""Gather what one screen says of the whole system: its parts, the store, the runs, what serves."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
from readmit_contracts.source import SPLITS

from readmit_cli.model_rows import ChampionStatus, ReplicaStatus
from readmit_cli.stack.prerequisites import Check
from readmit_cli.status_rows import BatchStatus, RunStatus, StoreStatus, TableStatus

LAST_RUNS = 5


class StoreOverview(msgspec.Struct, frozen=True, kw_only=True):
    """What is in the database. `batches` counts them by split and state, in the store's generation."""

    store: StoreStatus
    tables: tuple[TableStatus, ...]
    batches: dict[str, dict[str, int]]
    runs: tuple[RunStatus, ...]
    champions: tuple[ChampionStatus, ...]
    replicas: tuple[ReplicaStatus, ...]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The whole system. `store` is None when the database can't be reached; `unreachable` then says why."""

    parts: tuple[Check, ...]
    store: StoreOverview | None
    unreachable: str | None = None


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


class ModelStatus(Protocol):
    """What is asked of the status views of serving."""

    async def champions(self) -> Sequence[ChampionStatus]:
        """Return the model that serves under each name."""
        ...

    async def replicas(self) -> Sequence[ReplicaStatus]:
        """Return the predictor processes that live."""
        ...


async def gather(status: Status, models: ModelStatus) -> StoreOverview:
    """Read what the database has to say."""
    store = await status.store()
    return StoreOverview(
        store=store,
        tables=tuple(await status.tables()),
        batches=_by_state(await status.batches(store.generation)),
        runs=tuple(await status.runs(LAST_RUNS)),
        champions=tuple(await models.champions()),
        replicas=tuple(await models.replicas()),
    )


def as_dict(overview: Overview) -> dict[str, Any]:
    """Return the overview for machines."""
    fields: dict[str, Any] = msgspec.to_builtins(overview)
    return fields


def _by_state(batches: Sequence[BatchStatus]) -> dict[str, dict[str, int]]:
    return {split: dict(Counter(batch.state for batch in batches if batch.split == split)) for split in SPLITS}
