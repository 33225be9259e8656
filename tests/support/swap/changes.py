"""Ask for promotions and rollbacks as an operator does: by commands in Kafka, until their effect is on record."""

import asyncio
import random
from collections.abc import Sequence
from uuid import uuid4

from readmit_cli import sessions
from readmit_cli.asking.effects import settled
from readmit_cli.asking.requests import Request
from readmit_cli.failures import CommandFailed
from readmit_cli.model_rows import PromotionStatus
from readmit_contracts.commands import PromoteModel, RollbackModel
from readmit_runtime.clock import SystemClock
from readmit_runtime.errors import Transient
from readmit_runtime.settings import KafkaSettings, PostgresSettings
from support.swap.contenders import Contender

AGAIN_S = 0.5
ACTOR = "swap-test"


class Changes:
    """Knows who is the champion once all is done that was asked for, and asks for another one.

    A better model is promoted through the gate, a worse one comes back by a rollback to its epoch.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        reader: PostgresSettings,
        model: str,
        contenders: Sequence[Contender],
        chance: random.Random,
    ) -> None:
        self._kafka = kafka
        self._reader = reader
        self._model = model
        self._contenders = contenders
        self._chance = chance
        self._champion = -1
        self._epochs: dict[str, int] = {}
        self.asked = 0

    async def ask(self, *, roll_back: bool = False) -> Request:
        """Publish the next command, however long Kafka is away; the same id again is the same command.

        `roll_back` asks for a rollback also to a better model: it needs neither the gate nor, to be promoted, S3.
        """
        request = Request(uuid4(), self._next(roll_back=roll_back))
        while True:
            try:
                await sessions.publish(request, self._kafka)
            except (Transient, CommandFailed):
                await asyncio.sleep(AGAIN_S)
            else:
                return request

    async def settled(self, request: Request) -> PromotionStatus:
        """Give the promotion that came of it, however long Postgres is away; raises CommandFailed for a refusal."""
        while True:
            try:
                async with sessions.views(self._reader) as (status, models):
                    await settled(request.effect, status, SystemClock())
                    promotion = await models.promotion_of(request.command_id)
            except Transient:
                await asyncio.sleep(AGAIN_S)
                continue
            assert promotion is not None, f"{request.name} {request.command_id} changed nothing"
            self._epochs.setdefault(promotion.model_id, promotion.epoch)
            return promotion

    async def on_record(self) -> Sequence[PromotionStatus]:
        """Give every promotion and rollback of this name, the last one first."""
        async with sessions.views(self._reader) as (_, models):
            return await models.promotions(self._model, self.asked + 1)

    def _next(self, *, roll_back: bool) -> PromoteModel | RollbackModel:
        before, self._champion = self._champion, self._choose()
        self.asked += 1
        wanted = self._contenders[self._champion].model_id
        record = {"model": self._model, "reason": f"change {self.asked} of a test", "actor": ACTOR}
        if self._champion > before and not roll_back:
            return PromoteModel(model_id=wanted, **record)
        return RollbackModel(to_epoch=self._epochs[wanted], **record)

    def _choose(self) -> int:
        if len(self._epochs) < len(self._contenders):
            return self._champion + 1  # each has to have been champion before it can come back
        return self._chance.choice([rank for rank in range(len(self._contenders)) if rank != self._champion])
