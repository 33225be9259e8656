"""Wait until every living predictor serves a promotion."""

from collections.abc import Callable, Sequence
from typing import Protocol

from readmit_runtime.clock import Clock
from readmit_runtime.deadline import Deadline

from readmit_cli.asking.effects import POLL_S
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.model_rows import ChampionStatus, ReplicaStatus

CONVERGED_WITHIN_S = 60.0  # a predictor reports every 5 s, and tries a failed load again within 30 s

OnChampion = Callable[[ChampionStatus], None]
"""Hears how many replicas serve the champion."""


class Serving(Protocol):
    """What is asked of the status views."""

    async def champion(self, model: str) -> ChampionStatus | None:
        """Return the model that serves under a name."""
        ...

    async def replicas(self) -> Sequence[ReplicaStatus]:
        """Return the predictor processes that live."""
        ...


async def converged(
    model: str,
    epoch: int,
    serving: Serving,
    clock: Clock,
    on_champion: OnChampion,
    *,
    within_s: float = CONVERGED_WITHIN_S,
) -> ChampionStatus:
    """Return the champion once all living replicas serve it, `epoch` or a later one.

    Raises CommandFailed after `within_s` seconds, saying which replicas are behind; a promotion stands all the same.
    """
    deadline = Deadline.after(within_s, clock)
    while True:
        champion = await serving.champion(model)
        if champion is not None:
            on_champion(champion)
            if champion.epoch >= epoch and champion.convergence == "converged":
                return champion
        if deadline.expired:
            if champion is None or champion.epoch < epoch:
                raise CommandFailed(_not_promoted(model, epoch, champion), code=ExitCode.UNAVAILABLE)
            behind = [one for one in await serving.replicas() if one.model == model and (one.epoch or 0) < epoch]
            raise CommandFailed(_behind(epoch, behind, within_s), code=ExitCode.UNAVAILABLE)
        await clock.sleep(POLL_S)


def shown(champion: ChampionStatus) -> str:
    """Return how many replicas serve the champion, for people."""
    if champion.convergence == "waiting":
        return "no predictor lives; the next one to start will serve it"
    return f"{champion.replicas_converged} of {champion.replicas_alive} living predictors serve it"


def _not_promoted(model: str, epoch: int, champion: ChampionStatus | None) -> str:
    serves = "no model" if champion is None else f"epoch {champion.epoch}"
    return f"Epoch {epoch} of {model} is not promoted, {serves} is. `readmit models history` shows what was asked for."


def _behind(epoch: int, replicas: Sequence[ReplicaStatus], within_s: float) -> str:
    head = f"Epoch {epoch} is promoted, but within {within_s:g} s "
    if not replicas:
        return f"{head}no living predictor said that it serves it. `readmit status` shows what is down."
    said = "; ".join(f"{one.replica}: {one.load_failure or one.status}" for one in replicas)
    return f"{head}not every predictor serves it ({said}). `readmit logs predictor` says more."
