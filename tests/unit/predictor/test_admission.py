import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from predictor.problems import ProblemKind
from readmit_contracts.access import make_key
from starlette.types import Message
from support.bad_requests import GOOD, JSON
from support.model_bundles import model_bundle, promotion
from support.predictor_rig import KEY, PredictorRig, access_key, loaded, log_settings_of

OTHER = make_key(b"\x21" * 8, b"\x22" * 32)


@pytest.fixture
def rig() -> PredictorRig:
    """A predictor that answers with a model."""
    rig = PredictorRig()
    rig.serving.swap(loaded(model_bundle(1)))
    return rig


@pytest.mark.parametrize("scopes", [(), ("other",), ("predicts",)])
async def test_a_key_for_something_else_is_forbidden(rig: PredictorRig, scopes: tuple[str, ...]) -> None:
    """The key is right, so another attempt with it is in vain."""
    rig.keys.put(access_key(OTHER, scopes=scopes))
    async with rig.client(OTHER) as client:
        response = await client.post("/v1/predict", content=GOOD, headers=JSON)
    assert (response.status_code, response.json()["code"]) == (403, "SCOPE_MISSING")
    assert 'error="insufficient_scope"' in response.headers["www-authenticate"]


async def test_a_key_of_several_scopes_may_predict(rig: PredictorRig) -> None:
    """A scope that this release does not know takes nothing away."""
    rig.keys.put(access_key(OTHER, scopes=("other", "predict")))
    async with rig.client(OTHER) as client:
        assert (await client.post("/v1/predict", content=GOOD, headers=JSON)).status_code == 200


async def test_two_authorizations_are_none(rig: PredictorRig) -> None:
    """A proxy and this service could each take another one for true."""
    headers = [("authorization", f"Bearer {KEY}"), ("authorization", f"Bearer {KEY}")]
    async with rig.client(key=None) as client:
        response = await client.get("/v1/model", headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "KEY_REFUSED")


async def test_until_keys_are_known_a_replica_is_not_ready_and_asks_for_patience() -> None:
    """The keys come with Kafka; a holder of a right key is not to be told that it is wrong."""
    rig = PredictorRig(keys=None)
    rig.serving.swap(loaded(model_bundle(1)))
    async with rig.client() as client:
        asked = await client.post("/v1/predict", content=GOOD, headers=JSON)
        ready = await client.get("/health/ready")
        rig.keys.begin()
        rig.keys.put(access_key(KEY))
        rig.keys.settle()
        after = [(await client.get(path)).status_code for path in ("/health/ready", "/v1/model")]
    assert (asked.status_code, asked.json()["code"]) == (503, "KEYS_UNKNOWN")
    assert int(asked.headers["retry-after"]) > 0
    assert ready.status_code == 503
    assert after == [200, 200]


UNAVAILABLE: dict[ProblemKind, Callable[[Path], PredictorRig]] = {
    ProblemKind.NO_MODEL: lambda _path: PredictorRig(),
    ProblemKind.KEYS_UNKNOWN: lambda _path: PredictorRig(keys=None),
    ProblemKind.OVERLOADED: lambda _path: PredictorRig(max_requests=0),
    ProblemKind.LOG_FULL: lambda path: PredictorRig(log_settings=log_settings_of(spool=path, when_full="refuse")),
}


@pytest.mark.parametrize(("path", "body"), [("/v1/predict", GOOD), ("/v1/predict/batch", b"[" + GOOD + b"]")])
@pytest.mark.parametrize("kind", UNAVAILABLE, ids=lambda kind: kind.name)
async def test_what_passes_by_itself_is_answered_by_its_503(
    tmp_path: Path, kind: ProblemKind, path: str, body: bytes
) -> None:
    """A caller has to know that the same request may succeed later, and elsewhere at once."""
    no_folder = tmp_path / "file"
    no_folder.write_text("in the way")
    rig = UNAVAILABLE[kind](no_folder)
    if kind is not ProblemKind.NO_MODEL:
        rig.serving.swap(loaded(model_bundle(1)))
    async with rig.client() as client:
        response = await client.post(path, content=body, headers=JSON)
    assert (response.status_code, response.json()["code"]) == (503, kind.name)
    assert response.headers["content-type"] == "application/problem+json"
    assert int(response.headers["retry-after"]) > 0
    assert response.headers["x-request-id"]


def test_every_503_has_its_case() -> None:
    """A new reason must not come in untried."""
    assert set(UNAVAILABLE) == {kind for kind in ProblemKind if kind.status == 503}


async def test_above_the_most_requests_under_way_the_answer_is_503_except_to_those_who_look_after_us() -> None:
    """A service that answers nobody in time has to say so early, and its overseers have to see it live."""
    rig = PredictorRig(max_requests=3)
    rig.serving.swap(loaded(model_bundle(1)))
    go = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield GOOD[:10]
        await go.wait()
        yield GOOD[10:]

    async with rig.client() as client:
        under_way = [asyncio.create_task(client.post("/v1/predict", content=slow(), headers=JSON)) for _ in range(3)]
        await asyncio.sleep(0.05)
        refused = [
            await client.post("/v1/predict", content=GOOD, headers=JSON),
            await client.post("/v1/predict/batch", content=b"[" + GOOD + b"]", headers=JSON),
            await client.get("/v1/model"),
            await client.get("/docs"),
        ]
        spared = [await client.get(path) for path in ("/health/live", "/health/ready", "/metrics")]
        go.set()
        answered = [(await response).status_code for response in under_way]
        afterwards = await client.post("/v1/predict", content=GOOD, headers=JSON)
    assert [(response.status_code, response.json()["code"]) for response in refused] == [(503, "OVERLOADED")] * 4
    assert all(int(response.headers["retry-after"]) > 0 for response in refused)
    assert [response.status_code for response in spared] == [200, 200, 200]
    assert answered == [200, 200, 200]
    assert afterwards.status_code == 200


async def test_a_websocket_is_closed_before_it_opens(rig: PredictorRig) -> None:
    """Another server than ours might offer one; there is nothing to say on it."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await rig.app({"type": "websocket", "path": "/v1/predict", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_a_body_that_nobody_read_ends_the_connection(rig: PredictorRig) -> None:
    """What is left of it would be read as the next request."""
    async with rig.client(key=None) as client:
        with_body = await client.post("/v1/predict", content=GOOD, headers=JSON)
        without = await client.get("/v1/model")
    assert with_body.headers["connection"] == "close"
    assert "connection" not in without.headers


async def _id(rig: PredictorRig, name: str | None, *, key: str = KEY, body: bytes = GOOD) -> str:
    headers = JSON if name is None else {**JSON, "idempotency-key": name}
    async with rig.client(key) as client:
        prediction: str = (await client.post("/v1/predict", content=body, headers=headers)).json()["prediction_id"]
        return prediction


async def test_a_request_repeated_under_its_name_is_one_prediction(rig: PredictorRig) -> None:
    """A caller that lost the answer asks again, and the patient is counted once."""
    assert await _id(rig, "one") == await _id(rig, "one")
    assert await _id(rig, None) != await _id(rig, None)


async def test_another_name_holder_body_or_epoch_is_another_prediction(rig: PredictorRig) -> None:
    """What differs in any of them is not the same answer to the same question."""
    rig.keys.put(access_key(OTHER))
    ids = [
        await _id(rig, "one"),
        await _id(rig, "two"),
        await _id(rig, "one", key=OTHER),
        await _id(rig, "one", body=GOOD + b" "),
    ]
    assert rig.serving.current is not None
    rig.serving.swap(loaded(model_bundle(1), promotion(model_bundle(1).model_id, 9)))
    ids.append(await _id(rig, "one"))
    assert len(set(ids)) == len(ids)
