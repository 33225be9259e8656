"""Models change while everybody asks: promotions, rollbacks, kills and outages under a constant load.

`make swap-test` runs it at length. Who lives, and which request failed, is defined by `support.swap.fleet.Life` and
`support.swap.load.Load`; how soon a change was served, by `support.swap.checks.served`.
"""

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import pytest
from readmit_runtime.settings import KafkaSettings, ObjectStoreSettings, PostgresSettings
from support.predictor_process import PredictorWorld
from support.running_stack import RunningStack
from support.swap.changes import Changes
from support.swap.contenders import train_contenders
from support.swap.drive import Drive
from support.swap.fleet import Fleet
from support.swap.load import Load
from support.swap.schedule import schedule
from support.swap.verdict import Run, judge

CHANGES = int(os.environ.get("READMIT_PROMOTIONS", "50"))
KILLS = int(os.environ.get("READMIT_KILLS", "5"))
SEED = int(os.environ.get("READMIT_SEED", "1"))
REPLICAS = ("a", "b", "c")
SAY_EVERY_S = 5.0


@pytest.fixture
async def world(running: RunningStack, tmp_path: Path) -> AsyncIterator[PredictorWorld]:
    """Give the way to start predictors that serve what the stack's trainer promotes."""
    bucket = ObjectStoreSettings.model_validate(asdict(running.stack.object_store("predictor")))
    world = PredictorWorld(running.stack.kafka_bootstrap, bucket, tmp_path)
    yield world
    await world.close()


@pytest.mark.timeout(600 + 10 * CHANGES)
async def test_while_models_change_no_request_fails_and_no_replica_goes_back(
    running: RunningStack, world: PredictorWorld, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    """Every answer is that of the model its epoch names, whatever is promoted, killed or away meanwhile."""
    chance = random.Random(SEED)  # noqa: S311 - it only chooses what happens
    steps = schedule(CHANGES, KILLS, chance)
    _say(f"seed {SEED}: {CHANGES} promotions and rollbacks, {KILLS} kills; models are trained")
    contenders = await train_contenders(running, world, tmp_path)
    kafka = KafkaSettings(bootstrap_servers=running.stack.kafka_bootstrap)
    reader = PostgresSettings.model_validate(asdict(running.stack.database("readmit_reader")))
    changes = Changes(kafka, reader, world.model, contenders.models, chance)
    await changes.settled(await changes.ask())

    async with Fleet.running(world, tmp_path, REPLICAS) as fleet:
        load = Load(fleet, contenders.probes)
        drive = Drive(running, fleet, load, changes, chance=chance, say=_say)
        whole = False
        try:
            async with _progress(drive, load) as load_averages, load.going_on():
                await drive.through(steps)
            await asyncio.to_thread(running.readmit, "models", "converge", "--model", world.model)
            whole = await fleet.stop() == [0] * len(REPLICAS)
        finally:
            verdict = judge(
                Run(
                    seed=SEED,
                    changes=CHANGES,
                    kills=KILLS,
                    contenders=contenders.models,
                    on_record=await changes.on_record(),
                    lives=fleet.lives,
                    outages=drive.outages,
                    answers=load.answers,
                    answered=load.answered,
                    failed=load.failed,
                    cut=load.cut,
                    load_averages=load_averages,
                    whole=whole,
                )
            )
            tell(verdict.line)
    assert not verdict.faults, "\n".join(verdict.faults)


@asynccontextmanager
async def _progress(drive: Drive, load: Load) -> AsyncIterator[list[float]]:
    """Say every few seconds how far it is; give the load averages seen."""
    began, averages = time.monotonic(), [os.getloadavg()[0]]

    async def tell() -> None:
        while True:
            await asyncio.sleep(SAY_EVERY_S)
            averages.append(os.getloadavg()[0])
            _say(
                f"{time.monotonic() - began:4.0f} s: epoch {drive.epoch}, {drive.kills} kills, "
                f"{load.answered} requests answered, {len(load.failed)} failed, load average {averages[-1]:.1f}"
            )

    telling = asyncio.create_task(tell())
    try:
        yield averages
    finally:
        telling.cancel()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
