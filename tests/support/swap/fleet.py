"""Keep replicas going: start them, kill them, and start them again under the same name."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from support.predictor_process import PredictorProcess, PredictorWorld

# What a predictor is given in production, where the world of the other tests is quicker.
SETTINGS = {
    "REPORT_INTERVAL_S": "5",
    "PREDICTION_LOG__FLUSH_INTERVAL_S": "1",
    "PREDICTION_LOG__ADOPT_INTERVAL_S": "5",
}


@dataclass
class Life:
    """One process of a replica, living from when it said that it is ready until the moment it is killed.

    Moments are seconds since 1970 on the machine's clock, which is the database's, too.
    """

    replica: str
    number: int
    predictor: PredictorProcess
    ready_at: float
    killed_at: float | None = None
    epoch: int = 0
    """The highest epoch that it answered by, so far."""

    @property
    def living(self) -> bool:
        """Whether a request that begins now has to be answered."""
        return self.killed_at is None


class Fleet:
    """Replicas of a model, each with a folder of its own for what it keeps."""

    def __init__(self, world: PredictorWorld, folder: Path, processes: AsyncExitStack) -> None:
        self._world = world
        self._folder = folder
        self._processes = processes
        self._now: dict[str, Life] = {}
        self.lives: list[Life] = []
        """Every process that was ready once, in that order."""

    @classmethod
    @asynccontextmanager
    async def running(cls, world: PredictorWorld, folder: Path, names: Sequence[str]) -> AsyncIterator["Fleet"]:
        """Give a fleet of these replicas, all ready; at the end none runs."""
        async with AsyncExitStack() as processes:
            fleet = cls(world, folder, processes)
            for name in names:
                await fleet.start(name)
            yield fleet

    @property
    def names(self) -> Sequence[str]:
        """The replicas, alive or not."""
        return tuple(self._now)

    def current(self, name: str) -> Life:
        """Give the replica's last process, alive or not."""
        return self._now[name]

    async def start(self, name: str) -> Life:
        """Start a replica with what the one before it kept, and wait until it is ready."""
        kept = {"LOAD__CACHE": f"{self._folder / name}/models", "KEYS__FILE": f"{self._folder / name}/keys.json"}
        process = self._world.predictor(f"{self._world.model}-{name}", **SETTINGS, **kept)
        predictor = await self._processes.enter_async_context(process)
        await predictor.answers("/health/ready", 200)
        life = Life(name, sum(one.replica == name for one in self.lives), predictor, ready_at=time.time())
        self._now[name] = life
        self.lives.append(life)
        return life

    async def kill(self, name: str) -> None:
        """End a replica by SIGKILL; from here on nothing is asked of it."""
        life = self._now[name]
        life.killed_at = time.time()
        life.predictor.process.kill()
        await life.predictor.process.wait()

    async def stop(self) -> list[int]:
        """Ask every replica to stop and give their exit codes."""
        return [await life.predictor.stop() for life in self._now.values()]
