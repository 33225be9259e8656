"""Drive a run: change the champion, kill replicas and stop programs, while the load goes on."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from readmit_cli.asking.requests import Request
from readmit_cli.stack.programs import KAFKA
from support.running_stack import RunningStack
from support.swap.changes import Changes
from support.swap.fleet import Fleet
from support.swap.load import Load
from support.swap.schedule import CHANGES_IN_OUTAGE, Kill, Step

PATIENCE_S = 60.0
DOWN_S = 6.0
KAFKA_DOWN_S = 10.0  # longer than a delivery is waited for
LOOK_S = 0.005

Say = Callable[[str], None]


class Outage(NamedTuple):
    """The time in which a program was down and in which its consequences were made good; seconds since 1970."""

    program: str
    began: float
    ended: float
    down_s: float
    answered: int
    """Requests answered while it was down."""


class Drive:
    """What was done to a fleet so far."""

    def __init__(
        self, running: RunningStack, fleet: Fleet, load: Load, changes: Changes, *, chance: random.Random, say: Say
    ) -> None:
        self._running = running
        self._fleet = fleet
        self._load = load
        self._changes = changes
        self._chance = chance
        self._say = say
        self.epoch = 0
        """The last one that is on record."""
        self.kills = 0
        self.outages: list[Outage] = []

    async def through(self, steps: Sequence[Step]) -> None:
        """Take the steps, one after the other; raises TimeoutError when one does not come to its end."""
        for step in steps:
            if step.outage is not None:
                await self._outage(step.outage, step.kill)
            else:
                await self._change(step)
        await self._served()

    async def _change(self, step: Step) -> None:
        asked = await self._changes.ask()
        if step.kill is not None:
            await self._kill(step.kill)
        await self._settle(asked)
        if step.waits:
            await self._served()
            await asyncio.sleep(self._chance.uniform(0, 0.3))

    async def _outage(self, program: str, kill: Kill | None) -> None:
        down_s = KAFKA_DOWN_S if program == KAFKA else DOWN_S
        self._say(f"{program} is stopped for {down_s:.0f} s")
        began = time.time()
        await asyncio.to_thread(self._running.stop, program)
        stopped, answered = time.time(), self._load.answered
        async with asyncio.TaskGroup() as meanwhile:
            meanwhile.create_task(self._ask_and_settle())
            try:
                if kill is not None:
                    await self._kill(kill)
                await asyncio.sleep(max(0.0, stopped + down_s - time.time()))
                answered, up_again = self._load.answered - answered, time.time()
            finally:
                await asyncio.to_thread(self._running.start, program)
        await self._served()
        self.outages.append(Outage(program, began, time.time(), up_again - stopped, answered))
        self._say(f"{program} is back, and all was made good {time.time() - up_again:.1f} s later")

    async def _ask_and_settle(self) -> None:
        # the first of them is promoted while S3 is down, and waits in the predictors
        asked = [await self._changes.ask(roll_back=number == 0) for number in range(CHANGES_IN_OUTAGE)]
        for request in asked:
            await self._settle(request)

    async def _settle(self, request: Request) -> None:
        async with asyncio.timeout(2 * PATIENCE_S):
            promotion = await self._changes.settled(request)
        self.epoch = max(self.epoch, promotion.epoch)

    async def _kill(self, kill: Kill) -> None:
        victim = self._chance.choice(self._fleet.names)
        before = self._fleet.current(victim).epoch
        if kill == "at the swap":
            async with asyncio.timeout(PATIENCE_S):
                while self._fleet.current(victim).epoch == before:
                    await asyncio.sleep(LOOK_S)
        else:
            await asyncio.sleep(self._chance.uniform(0, 2))
        await self._fleet.kill(victim)
        self.kills += 1
        await self._fleet.start(victim)

    async def _served(self) -> None:
        """Wait until every replica has answered by the last epoch that is on record."""
        async with asyncio.timeout(PATIENCE_S):
            while any(self._fleet.current(name).epoch < self.epoch for name in self._fleet.names):
                await asyncio.sleep(LOOK_S)
