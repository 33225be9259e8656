"""Gather what there is to say of the models of a name: each with its verdict and its epochs."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from readmit_cli.model_rows import ChampionStatus, DecisionStatus, JobStatus, ModelStatus, PromotionStatus

EVERY = 1_000
JOBS = 5


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One model, the gate's last verdict on it, and the epochs under which it was the champion, newest first."""

    model: ModelStatus
    serves: bool
    decision: DecisionStatus | None
    epochs: tuple[int, ...]


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """The models of a name, and the last jobs that came to none, or not yet."""

    models: tuple[ModelEntry, ...]
    jobs: tuple[JobStatus, ...]


class ModelDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One model with its job, its verdicts and its epochs, newest first."""

    model: ModelStatus
    job: JobStatus | None
    serves: bool
    decisions: tuple[DecisionStatus, ...]
    promotions: tuple[PromotionStatus, ...]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What became champion, and what the gate said, newest first."""

    promotions: tuple[PromotionStatus, ...]
    decisions: tuple[DecisionStatus, ...]


class Models(Protocol):
    """What is asked of the status views."""

    async def models(self, model: str, limit: int) -> Sequence[ModelStatus]:
        """Return the models trained under a name."""
        ...

    async def jobs_without_model(self, model: str, limit: int) -> Sequence[JobStatus]:
        """Return the jobs that came to no model, or not yet."""
        ...

    async def decisions(self, model: str, limit: int) -> Sequence[DecisionStatus]:
        """Return the gate's verdicts."""
        ...

    async def promotions(self, model: str, limit: int) -> Sequence[PromotionStatus]:
        """Return the promotions and rollbacks."""
        ...

    async def champion(self, model: str) -> ChampionStatus | None:
        """Return the model that serves under a name."""
        ...


async def gather(models: Models, model: str, limit: int) -> Listing:
    """Return the newest models of a name, each with its verdict and its epochs as far as they are recent."""
    champion = await models.champion(model)
    promotions = await models.promotions(model, EVERY)
    decisions = {one.model_id: one for one in reversed(await models.decisions(model, EVERY))}
    return Listing(
        models=tuple(
            ModelEntry(
                model=found,
                serves=champion is not None and champion.model_id == found.model_id,
                decision=decisions.get(found.model_id),
                epochs=tuple(one.epoch for one in promotions if one.model_id == found.model_id),
            )
            for found in await models.models(model, limit)
        ),
        jobs=tuple(await models.jobs_without_model(model, JOBS)),
    )
