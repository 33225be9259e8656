import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from starlette.types import Message, Receive, Scope
from support.bad_requests import GOOD, JSON
from support.model_bundles import model_bundle
from support.predictor_rig import AUTHORIZED, BODY_BYTES, PredictorRig, loaded


@pytest.fixture(scope="module")
def rig() -> PredictorRig:
    """A predictor that answers with a model."""
    rig = PredictorRig()
    rig.serving.swap(loaded(model_bundle(1)))
    return rig


async def _stream(parts: list[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def _ask(rig: PredictorRig, receive: Receive) -> list[Message]:
    """Ask as a server does, message by message, and give what was sent."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/predict",
        "raw_path": b"/v1/predict",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"authorization", AUTHORIZED["authorization"].encode())],
        "server": ("predictor", 80),
    }
    await rig.app(scope, receive, send)
    return sent


@pytest.mark.parametrize(
    "make",
    [lambda body: [body[:100], body[100:]], lambda body: [body[i : i + 1] for i in range(len(body))]],
    ids=["two parts", "single bytes"],
)
async def test_a_body_in_parts_is_read_as_a_whole(rig: PredictorRig, make: Callable[[bytes], list[bytes]]) -> None:
    """Chunked requests announce no length."""
    async with rig.client() as client:
        response = await client.post("/v1/predict", content=_stream(make(GOOD)), headers=JSON)
    assert response.status_code == 200


async def test_a_body_in_parts_is_counted_and_cut_off_at_the_limit(rig: PredictorRig) -> None:
    """Without an announced length only counting protects the memory, and reading on would not."""
    read = 0

    async def endless() -> Message:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b" " * 1024, "more_body": True}

    start, *_ = await _ask(rig, endless)
    assert start["status"] == 413
    assert (b"connection", b"close") in start["headers"]
    assert read == BODY_BYTES // 1024 + 1


async def test_a_body_of_exactly_the_limit_is_read(rig: PredictorRig) -> None:
    """One byte decides between an answer and a refusal."""
    padded = GOOD[:-1] + b" " * (BODY_BYTES - len(GOOD)) + b"}"
    async with rig.client() as client:
        response = await client.post("/v1/predict", content=padded, headers=JSON)
    assert len(padded) == BODY_BYTES
    assert response.status_code == 200


async def test_a_body_that_does_not_arrive_is_not_waited_for() -> None:
    """A caller that sends a byte a minute must not hold a connection for ever."""
    rig = PredictorRig(body_read_s=0.02)

    async def stalled() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(3600)

    async with rig.client() as client:
        response = await client.post("/v1/predict", content=stalled(), headers=JSON)
    assert response.status_code == 408
    assert response.json()["code"] == "TOO_SLOW"
    assert response.headers["connection"] == "close"


async def test_a_query_changes_nothing(rig: PredictorRig) -> None:
    """Unknown parameters are common in tracing links; there is nothing here that reads one."""
    async with rig.client() as client:
        response = await client.post("/v1/predict?threshold=0&model=other", content=GOOD, headers=JSON)
    assert response.status_code == 200
    assert response.json()["model"]["name"] == "readmission"


async def test_a_range_or_an_upgrade_is_ignored(rig: PredictorRig) -> None:
    """Parts of an answer have no meaning here, and no other protocol is spoken."""
    headers = {"range": "bytes=0-1", "connection": "upgrade", "upgrade": "websocket"}
    async with rig.client() as client:
        response = await client.get("/v1/model", headers=headers)
    assert response.status_code == 200


@pytest.mark.parametrize("given", ["abc-123", "A.b_C", "0" * 64])
async def test_a_plain_request_id_comes_back(rig: PredictorRig, given: str) -> None:
    """The caller finds its request in our log by its own name for it."""
    async with rig.client() as client:
        response = await client.get("/v1/model", headers={"x-request-id": given})
    assert response.headers["x-request-id"] == given


@pytest.mark.parametrize(
    "given",
    ["", "a b", "a\tb", "0" * 65, "id;drop", "<script>", "{{7*7}}", "Ünïcode", "a,b", '"quoted"'],
)
async def test_any_other_request_id_is_replaced(rig: PredictorRig, given: str) -> None:
    """What goes into headers and logs must not be the caller's to shape."""
    async with rig.client() as client:
        response = await client.get("/v1/model", headers={"x-request-id": given.encode()})
    assert len(response.headers["x-request-id"]) == 32
    assert response.headers["x-request-id"] != given


async def test_two_request_ids_are_replaced_by_one(rig: PredictorRig) -> None:
    """Two names for one request would be read differently by two readers."""
    async with rig.client() as client:
        response = await client.get("/v1/model", headers=[("x-request-id", "one"), ("x-request-id", "two")])
    assert len(response.headers.get_list("x-request-id")) == 1
    assert response.headers["x-request-id"] not in ("one", "two")


async def test_a_caller_that_leaves_is_no_error(rig: PredictorRig) -> None:
    """Nobody is there to be answered, and nothing of ours failed."""

    async def leave() -> Message:
        return {"type": "http.disconnect"}

    before = rig.sample("readmit_predictor_answer_duration_seconds_count", path="/v1/predict", status="none")
    assert not await _ask(rig, leave)
    after = rig.sample("readmit_predictor_answer_duration_seconds_count", path="/v1/predict", status="none")
    assert after == before + 1
