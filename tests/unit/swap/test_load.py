"""What counts as an answer, as a failed request, and as one that was cut by a kill."""

import asyncio
from collections.abc import Callable

import httpx
import msgspec
import pytest
from readmit_contracts.predictions import example_encounter
from support.swap.fleet import Life
from support.swap.load import BATCH, CALLERS, Load

PROBES = [example_encounter()] * BATCH
MODEL = {
    "name": "readmission",
    "model_id": "ab" * 32,
    "version": "1",
    "epoch": 7,
    "lineage": "77f3b0aa-1c2d-4e3f-8a9b-0c1d2e3f4a04",
}
PREDICTION = {
    "prediction_id": "88f3b0aa-1c2d-4e3f-8a9b-0c1d2e3f4a05",
    "probability": 0.25,
    "decision": "low_risk",
    "threshold": 0.5,
    "model": MODEL,
}

Handler = Callable[[httpx.Request], httpx.Response]


class OneReplica:
    """A fleet of one process, which may be said to be dead."""

    names = ("a",)

    def __init__(self) -> None:
        self.life = Life("a", 0, predictor=None, ready_at=0.0)

    def current(self, _name: str) -> Life:
        """Give the process."""
        return self.life


async def asked(handler: Handler, fleet: OneReplica | None = None) -> Load:
    """Ask for a moment and give what came of it."""

    def connection(_life: Life) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(handler), base_url="http://replica")

    load = Load(fleet or OneReplica(), PROBES, connection=connection)
    async with load.going_on():
        await asyncio.sleep(0.12)
    return load


def predictor(request: httpx.Request) -> httpx.Response:
    """Answer like a predictor."""
    items = msgspec.json.decode(request.content)
    return httpx.Response(200, json=[PREDICTION] * len(items) if isinstance(items, list) else PREDICTION)


async def test_an_answer_is_kept_as_it_was_given() -> None:
    """The checks come afterwards and see nothing else."""
    load = await asked(predictor)
    assert (load.failed, load.cut) == ([], 0)
    assert load.answered == len(load.answers) >= CALLERS
    assert {(one.replica, one.life, one.epoch, one.probability) for one in load.answers} == {("a", 0, 7, 0.25)}
    assert all(one.began <= one.ended for one in load.answers)


def breaks(_request: httpx.Request) -> httpx.Response:
    """Break the connection."""
    raise httpx.ReadError("reset")


@pytest.mark.parametrize(
    "handler",
    [
        lambda _: httpx.Response(503, json={"code": "NO_MODEL"}),
        lambda _: httpx.Response(307, headers={"location": "/elsewhere"}),
        lambda _: httpx.Response(200, content=b'{"probability": 0.5'),
        lambda _: httpx.Response(200, json={**PREDICTION, "probability": "0.5"}),
        breaks,
    ],
    ids=["a refusal", "a redirection", "half an answer", "another form", "a broken connection"],
)
async def test_whatever_else_a_living_replica_does_is_a_failed_request(handler: Handler) -> None:
    """There is no excuse for a process that was not killed."""
    load = await asked(handler)
    assert len(load.failed) >= CALLERS
    assert (load.answers, load.cut) == ([], 0)


async def test_what_breaks_after_the_kill_is_cut_and_nothing_is_asked_any_more() -> None:
    """A caller of a killed process is told by its connection, and no process can prevent that."""
    fleet = OneReplica()

    def dies(request: httpx.Request) -> httpx.Response:
        fleet.life.killed_at = 1.0
        return breaks(request)

    load = await asked(dies, fleet)
    assert (load.failed, load.answered) == ([], 0)
    assert 1 <= load.cut <= CALLERS


async def test_a_refusal_is_a_failed_request_after_the_kill_too() -> None:
    """It was given while the process lived."""
    fleet = OneReplica()

    def dies(_request: httpx.Request) -> httpx.Response:
        fleet.life.killed_at = 1.0
        return httpx.Response(503)

    load = await asked(dies, fleet)
    assert load.cut == 0
    assert len(load.failed) >= 1
