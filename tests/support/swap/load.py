"""Ask every living replica at a constant rate, and keep every answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import msgspec
from readmit_contracts.predictions import Prediction
from support.swap.fleet import Fleet, Life

CALLERS = 3
INTERVAL_S = 0.05  # 60 requests a second of each replica
BATCH_EVERY = 40
READY_EVERY = 60
BATCH = 10
PATIENCE_S = 10.0

_decode = msgspec.json.Decoder(list[Prediction]).decode


class Answer(NamedTuple):
    """One encounter's answer: who gave it, from when to when it was asked for, and what it says."""

    replica: str
    life: int
    began: float
    ended: float
    epoch: int
    model_id: str
    probe: int
    probability: float


class Load:
    """Callers with a connection each, which ask a replica from the moment it is ready until it is killed.

    A request that began while its replica lived either is answered by 200, or failed, whatever it got. One exception is
    counted apart, as cut: its connection broke after the SIGKILL of the process at its other end.
    """

    def __init__(
        self,
        fleet: Fleet,
        probes: Sequence[Mapping[str, Any]],
        *,
        connection: Callable[[Life], httpx.AsyncClient] | None = None,
    ) -> None:
        """Take whom to ask, what, and how to reach a process."""
        self._fleet = fleet
        self._connection = connection or _connection
        bodies = [msgspec.json.encode(probe) for probe in probes]
        self._singles = [(body, (probe,)) for probe, body in enumerate(bodies)]
        self._batches = [
            (b"[%s]" % b",".join(bodies[first : first + BATCH]), tuple(range(first, first + BATCH)))
            for first in range(0, len(bodies) - BATCH + 1, BATCH)
        ]
        self._done = asyncio.Event()
        self.answers: list[Answer] = []
        self.answered = 0
        self.cut = 0
        self.failed: list[str] = []

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Ask during the block; at its end every request is answered."""
        callers = [asyncio.create_task(self._call(name)) for name in self._fleet.names for _ in range(CALLERS)]
        try:
            yield
        finally:
            self._done.set()
            await asyncio.gather(*callers)

    async def _call(self, name: str) -> None:
        number = 0
        while not self._done.is_set():
            life = self._fleet.current(name)
            if not life.living:
                await asyncio.sleep(INTERVAL_S / 2)
                continue
            async with self._connection(life) as client:
                due = time.monotonic()
                while life.living and not self._done.is_set():
                    number += 1
                    await self._ask(life, client, number)
                    due = max(due + INTERVAL_S, time.monotonic())
                    await asyncio.sleep(due - time.monotonic())

    async def _ask(self, life: Life, client: httpx.AsyncClient, number: int) -> None:
        try:
            if number % READY_EVERY == 0:
                response = await client.get("/health/ready")
                self._passed(life, response)
            elif number % BATCH_EVERY == 0:
                body, probes = self._batches[number // BATCH_EVERY % len(self._batches)]
                await self._predict(life, client, "/v1/predict/batch", body, probes)
            else:
                body, probes = self._singles[number % len(self._singles)]
                await self._predict(life, client, "/v1/predict", body, probes)
        except httpx.TransportError as error:
            if life.living:
                self._fail(life, repr(error))
            else:
                self.cut += 1

    async def _predict(
        self, life: Life, client: httpx.AsyncClient, path: str, body: bytes, probes: Sequence[int]
    ) -> None:
        began = time.time()
        response = await client.post(path, content=body)
        ended = time.time()
        if not self._passed(life, response):
            return
        content = response.content if len(probes) > 1 else b"[%s]" % response.content
        try:
            predictions = _decode(content)
        except msgspec.DecodeError as error:
            self._fail(life, f"an answer that can't be read: {error}")
            return
        for probe, given in zip(probes, predictions, strict=True):
            model = given.model
            place = (life.replica, life.number, began, ended)
            self.answers.append(Answer(*place, model.epoch, model.model_id, probe, given.probability))
            life.epoch = max(life.epoch, model.epoch)

    def _passed(self, life: Life, response: httpx.Response) -> bool:
        if response.status_code == httpx.codes.OK:
            self.answered += 1
            return True
        self._fail(life, f"{response.request.url.path}: {response.status_code} {response.text[:200]}")
        return False

    def _fail(self, life: Life, what: str) -> None:
        self.failed.append(f"{life.replica}, process {life.number}, at {time.time():.3f}: {what}")


def _connection(life: Life) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{life.predictor.port}",
        headers={"authorization": f"Bearer {life.predictor.key}", "content-type": "application/json"},
        limits=httpx.Limits(max_connections=1),
        timeout=PATIENCE_S,
    )
