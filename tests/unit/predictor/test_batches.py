import asyncio
import json
import threading
from collections.abc import Sequence
from hashlib import sha256

import httpx
import pytest
from predictor.batches import MOST_FAULTS
from readmit_contracts.events import PredictionsMade
from readmit_contracts.golden import Record
from readmit_contracts.predictions import MAX_ENCOUNTERS, example_encounter
from support.bad_requests import CANARY, CASES, GOOD, JSON, Case
from support.cohort import cohort
from support.model_bundles import model_bundle, offline_probabilities, promotion, request_of
from support.predictor_rig import BATCH_BYTES, PredictorRig, loaded, log_settings_of

BATCH = "/v1/predict/batch"
FIELD_CASES = [case for case in CASES if case.status == 422]
JSON_CASES = [case for case in CASES if case.status == 400]


@pytest.fixture
def rig() -> PredictorRig:
    """A predictor that answers with a model."""
    rig = PredictorRig()
    rig.serving.swap(loaded(model_bundle(1), promotion(model_bundle(1).model_id, 7)))
    return rig


async def _ask(rig: PredictorRig, body: bytes, **headers: str) -> httpx.Response:
    async with rig.client() as client:
        return await client.post(BATCH, content=body, headers={**JSON, **headers})


def _errors(response: httpx.Response) -> list[tuple[str, str]]:
    return [(error["path"], error["reason"]) for error in response.json().get("errors", [])]


async def test_a_full_batch_is_answered_in_order_bit_for_bit_as_offline(rig: PredictorRig) -> None:
    """A caller matches answers to its patients by nothing but the order."""
    rows = cohort(MAX_ENCOUNTERS, seed=31)
    response = await _ask(rig, json.dumps([request_of(row) for row in rows]).encode())
    assert response.status_code == 200
    answers = response.json()
    assert [answer["probability"] for answer in answers] == offline_probabilities(model_bundle(1), rows)
    assert {answer["model"]["epoch"] for answer in answers} == {7}
    assert len({answer["prediction_id"] for answer in answers}) == MAX_ENCOUNTERS


async def test_every_answer_of_a_batch_is_recorded_like_a_single_one(rig: PredictorRig) -> None:
    """Nobody should have to ask singly to be accounted for."""
    items = [json.dumps(request_of(row)) for row in cohort(3, seed=2)]
    async with rig.running():
        response = await _ask(rig, f"[ {items[0]} ,{items[1]},\n{items[2]}]".encode())
    records = [record for made in rig.sent(PredictionsMade) for record in made.records]
    assert [str(record.prediction_id) for record in records] == [answer["prediction_id"] for answer in response.json()]
    assert [record.input_sha256 for record in records] == [sha256(item.encode()).hexdigest() for item in items]
    assert {record.epoch for record in records} == {7}


@pytest.mark.parametrize("name", [None, "tuesday"])
async def test_equal_items_of_a_batch_are_told_apart_by_their_id_alone(rig: PredictorRig, name: str | None) -> None:
    """Their digest is the same, because it says what was asked; two patients may be alike in all of it."""
    async with rig.running():
        await _ask(rig, b"[" + GOOD + b"," + GOOD + b"]", **({} if name is None else {"idempotency-key": name}))
    first, second = [record for made in rig.sent(PredictionsMade) for record in made.records]
    assert first.input_sha256 == second.input_sha256 == sha256(GOOD).hexdigest()
    assert first.prediction_id != second.prediction_id


async def test_a_replica_that_keeps_inputs_keeps_each_items() -> None:
    """An auditor asks for a prediction, however it was asked for."""
    rig = PredictorRig(keep_inputs=True)
    rig.serving.swap(loaded(model_bundle(1)))
    sent = [request_of(row) for row in cohort(3, seed=2)]
    async with rig.running():
        await _ask(rig, json.dumps(sent).encode())
    kept = [record.input_json for made in rig.sent(PredictionsMade) for record in made.records]
    assert [json.loads(text or "") for text in kept] == sent


@pytest.mark.parametrize(("when_full", "status"), [("refuse", 503), ("drop", 200)])
async def test_a_batch_is_recorded_as_a_whole_or_not_at_all(when_full: str, status: int) -> None:
    """A caller that gets no answer at all must not find a part of it on record."""
    rig = PredictorRig(log_settings=log_settings_of(spool_bytes=64 * 1024, when_full=when_full))
    rig.serving.swap(loaded(model_bundle(1)))
    async with rig.running():
        too_many = await _ask(rig, b"[" + b",".join([GOOD] * MAX_ENCOUNTERS) + b"]")
        few = await _ask(rig, b"[" + GOOD + b"," + GOOD + b"]")
    assert too_many.status_code == status
    assert rig.sample("readmit_predictor_unlogged_records_total", reason="full") == MAX_ENCOUNTERS
    recorded = [str(record.prediction_id) for made in rig.sent(PredictionsMade) for record in made.records]
    assert recorded == [answer["prediction_id"] for answer in few.json()]


@pytest.mark.parametrize("case", FIELD_CASES, ids=lambda case: case.name)
async def test_one_bad_item_refuses_all_and_is_named_by_its_number(rig: PredictorRig, case: Case) -> None:
    """Half an answer would have to be matched to half a question."""
    async with rig.running():
        response = await _ask(rig, b"[" + GOOD + b"," + case.body + b"," + GOOD + b"]")
    assert (response.status_code, response.json()["code"]) == (422, "INVALID_ENCOUNTER")
    assert _errors(response) == [("$[1]" + path.removeprefix("$"), reason) for path, reason in case.faults]
    assert CANARY not in response.text
    assert rig.sent(PredictionsMade) == []


@pytest.mark.parametrize("case", JSON_CASES, ids=lambda case: case.name)
async def test_an_item_that_is_not_strict_json_refuses_all(rig: PredictorRig, case: Case) -> None:
    """What can be read in two ways in a single request can be so in a batch."""
    response = await _ask(rig, b"[" + GOOD + b"," + case.body + b"]")
    problem = response.json()
    assert (problem["code"], response.status_code) == (case.code, 400)
    assert _errors(response) in ([], [("$[1]", case.code)])
    assert CANARY not in response.text


async def test_as_many_faults_are_named_as_fit_an_answer(rig: PredictorRig) -> None:
    """A thousand empty items would make an answer of megabytes."""
    response = await _ask(rig, b"[" + b",".join([b"{}"] * MAX_ENCOUNTERS) + b"]")
    assert response.status_code == 422
    assert len(_errors(response)) == MOST_FAULTS


async def test_a_batch_has_a_limit_of_its_own(rig: PredictorRig) -> None:
    """It is larger than a single body's, and there is one."""
    padded = b"[" + GOOD + b" " * (BATCH_BYTES - len(GOOD) - 2) + b"]"
    assert (await _ask(rig, padded)).status_code == 200
    too_large = await _ask(rig, padded + b" ")
    assert (too_large.status_code, too_large.json()["code"]) == (413, "TOO_LARGE")


async def test_a_repeated_batch_gives_each_place_its_id_again(rig: PredictorRig) -> None:
    """Equal patients in one batch are two predictions; the batch sent again is the same two."""
    body = json.dumps([example_encounter()] * 2).encode()
    ids = [
        [answer["prediction_id"] for answer in (await _ask(rig, body, **{"idempotency-key": "tuesday"})).json()]
        for _ in range(2)
    ]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


class _Held:
    """A model whose batches wait until they are let go."""

    def __init__(self, rig: PredictorRig, monkeypatch: pytest.MonkeyPatch) -> None:
        assert rig.serving.current is not None
        self.go = threading.Event()
        plain = type(rig.serving.current).probabilities

        def probabilities(model: object, records: Sequence[Record]) -> list[float]:
            self.go.wait(10)
            return plain(model, records)

        monkeypatch.setattr(type(rig.serving.current), "probabilities", probabilities)


async def test_single_requests_are_answered_while_a_batch_is_scored(
    rig: PredictorRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand rows take as long as a thousand callers would wait."""
    held = _Held(rig, monkeypatch)
    batch = asyncio.create_task(_ask(rig, b"[" + GOOD + b"]"))
    async with rig.client() as client:
        for _ in range(20):
            assert (await client.post("/v1/predict", content=GOOD, headers=JSON)).status_code == 200
    assert not batch.done()
    held.go.set()
    assert (await batch).status_code == 200


async def test_batches_beyond_the_bytes_that_may_wait_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waiting batch holds its body in memory; how many there are costs nothing."""
    body = b"[" + GOOD + b"]"
    rig = PredictorRig(max_batches_bytes=20 * len(body))
    rig.serving.swap(loaded(model_bundle(1)))
    held = _Held(rig, monkeypatch)
    waiting = [asyncio.create_task(_ask(rig, body)) for _ in range(20)]
    await asyncio.sleep(0.05)
    refused = await _ask(rig, body)
    assert (refused.status_code, refused.json()["code"]) == (503, "OVERLOADED")
    assert int(refused.headers["retry-after"]) > 0
    held.go.set()
    assert [(await batch).status_code for batch in waiting] == [200] * 20
    assert (await _ask(rig, body)).status_code == 200


async def test_one_batch_alone_is_never_too_much() -> None:
    """Else a limit below that of a body would refuse it for ever."""
    rig = PredictorRig(max_batches_bytes=1)
    rig.serving.swap(loaded(model_bundle(1)))
    assert (await _ask(rig, b"[" + GOOD + b"]")).status_code == 200
