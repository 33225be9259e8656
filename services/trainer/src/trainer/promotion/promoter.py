"""Work off the queue of wishes, in its order: judge, then change the champion or refuse."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from readmit_contracts.bundle import BundleInvalid
from readmit_contracts.reasons import Reason
from readmit_runtime import tracing
from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.database import Pool, transient_errors
from readmit_runtime.errors import Transient
from readmit_runtime.logs import describe

from trainer.metrics import TrainerMetrics
from trainer.promotion import store
from trainer.promotion.announced import Announcer
from trainer.promotion.changes import ChampionChanges, Ended, LostRace, stale
from trainer.promotion.gate_work import GateWork
from trainer.promotion.store import Wish
from trainer.training_process import ChildFailed

log = structlog.get_logger(__name__)

AwaitVersion = Callable[[str], Awaitable[None]]
"""Returns when the model has a version in MLflow, or when waiting for it is of no use."""


class Promoter:
    """Does one turn at a time, in one process at a time; the change itself is safe with many."""

    def __init__(
        self,
        pool: Pool,
        gate: GateWork,
        announcer: Announcer,
        *,
        announce_every_s: float,
        await_version: AwaitVersion,
        metrics: TrainerMetrics,
        on_ended: Callable[[], None],
        clock: Clock | None = None,
    ) -> None:
        """Take the gate and the topic's reader; `on_ended` is called after each commit."""
        self._pool = pool
        self._changes = ChampionChanges(pool)
        self._gate = gate
        self._announcer = announcer
        self._announce_every_s = announce_every_s
        self._await_version = await_version
        self._metrics = metrics
        self._on_ended = on_ended
        self._clock = clock or SystemClock()
        self._refreshed: float | None = None

    async def turn(self) -> None:
        """Compare topic and table when that is due, then end every wish that is ready; raises Transient."""
        await self._refresh_when_due()
        while (wish := await self._next()) is not None:
            with tracing.span(
                "promotion",
                parent=wish.traceparent,
                attributes={
                    "readmit.command_id": wish.command_id,
                    "readmit.job_id": wish.job_id,
                    "readmit.model": wish.model,
                },
            ) as note:
                ended = await self._end_of(wish)
                note("readmit.epoch", ended.epoch)
                self._metrics.wish_ended(ended)
                log.info(
                    "wish_ended",
                    command_id=wish.command_id,
                    kind=wish.kind,
                    model_id=wish.model_id,
                    outcome=ended.outcome,
                    epoch=ended.epoch,
                    detail=ended.detail,
                )
            self._on_ended()

    async def _refresh_when_due(self) -> None:
        now = self._clock.monotonic()
        if self._refreshed is not None and now < self._refreshed + self._announce_every_s:
            return
        try:
            if await self._announcer.refresh():
                self._on_ended()
        except Transient as error:
            if not self._announcer.known:
                raise  # an epoch that was announced before must not be given again
            log.warning("announcements_not_compared", reason=describe(error))
        self._refreshed = now

    async def _next(self) -> Wish | None:
        with transient_errors():
            async with self._pool.acquire() as connection:
                return await store.next_wish(connection)

    async def _end_of(self, wish: Wish) -> Ended:
        while True:
            try:
                if wish.kind == "rollback":
                    return await self._changes.roll_back(wish, tail=self._announcer.tail(wish.model))
                return await self._promotion(wish)
            except LostRace:
                log.info("champion_changed_meanwhile", command_id=wish.command_id)
                await asyncio.sleep(0)

    async def _promotion(self, wish: Wish) -> Ended:
        with transient_errors():
            async with self._pool.acquire() as connection:
                seen = await store.champion(connection, wish.model)
        refusal = stale(wish, seen)
        if refusal is not None:
            return await self._changes.refuse(wish, reason=refusal[0], detail=refusal[1])
        if wish.model_id is None or wish.frame_key is None:
            detail = "The model's job keeps no rows to judge it on; train again."
            return await self._changes.refuse(wish, reason=Reason.BUNDLE_MISSING, detail=detail, state="failed")
        if seen is not None and seen.model_id == wish.model_id:
            return await self._changes.already(wish, seen)
        try:
            decision = await self._gate.judge(wish.model_id, champion=seen, frame_key=wish.frame_key)
        except (BundleInvalid, ChildFailed) as error:
            return await self._changes.refuse(wish, reason=error.reason, detail=error.detail, state="failed")
        if decision.passed:
            await self._await_version(wish.model_id)
        return await self._changes.decide(
            wish, model_id=wish.model_id, seen=seen, decision=decision, tail=self._announcer.tail(wish.model)
        )
