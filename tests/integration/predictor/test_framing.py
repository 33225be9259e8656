import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from readmit_runtime.settings import ObjectStoreSettings
from support.predictor_process import PredictorProcess, PredictorWorld

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_MODEL = (503, "NO_MODEL")  # of a request that is understood
PREDICT = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BATCH = PREDICT.replace(b"predict", b"predict/batch", 1)
MODEL = b"GET /v1/model HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"\r\n"

# A request, without its key, and the status and code of the answer; no code where the server's parser answers.
CASES: dict[str, tuple[bytes, tuple[int, str | None]]] = {
    "an announcement above the limit": (PREDICT + b"Content-Length: 999999\r\n" + END, (413, "TOO_LARGE")),
    "an announcement above a batch's limit": (BATCH + b"Content-Length: 99999999\r\n" + END, (413, "TOO_LARGE")),
    "an announcement beyond 64 bits": (PREDICT + b"Content-Length: " + b"9" * 30 + b"\r\n" + END, (400, None)),
    "chunks above the limit": (
        PREDICT + CHUNKED + END + b"11000\r\n" + b" " * 0x11000 + b"\r\n",
        (413, "TOO_LARGE"),
    ),
    "two framings": (PREDICT + b"Content-Length: 5\r\n" + CHUNKED + END + b"0\r\n\r\n", (400, None)),
    "two framings, the other way round": (
        PREDICT + CHUNKED + b"Content-Length: 5\r\n" + END + b"0\r\n\r\n",
        (400, None),
    ),
    "two lengths": (PREDICT + b"Content-Length: 5\r\nContent-Length: 6\r\n" + END + b"hello", (400, None)),
    "a length below 0": (PREDICT + b"Content-Length: -1\r\n" + END, (400, None)),
    "a length in hex": (PREDICT + b"Content-Length: 0x10\r\n" + END, (400, None)),
    "a chunk without a length": (PREDICT + CHUNKED + END + b"zz\r\n", (400, None)),
    "an endless chunk length": (PREDICT + CHUNKED + END + b"f" * 40 + b"\r\n", (400, None)),
    "no body at all": (PREDICT + b"Content-Length: 0\r\n" + END, (400, "MALFORMED")),
    "a body that goes on into a request": (
        PREDICT + b"Content-Length: 2\r\n" + END + b"{}GET /health/live HTTP/1.1\r\n",
        (422, "INVALID_ENCOUNTER"),
    ),
    "a line end in the path": (b"GET /v1/mo\ndel HTTP/1.1\r\nHost: x\r\n" + END, (400, None)),
    "a header without a name": (MODEL + b": x\r\n" + END, (400, None)),
    "a header without a colon": (MODEL + b"nonsense\r\n" + END, (400, None)),
    "a blank before a colon": (MODEL + b"X-Request-Id : a\r\n" + END, (400, None)),
    "NUL in a header": (MODEL + b"X-Request-Id: a\x00b\r\n" + END, (400, None)),
    "an address elsewhere": (b"GET http://elsewhere/v1/model HTTP/1.1\r\nHost: x\r\n" + END, NO_MODEL),
    "an address elsewhere and no path there": (
        b"GET http://elsewhere/x HTTP/1.1\r\nHost: x\r\n" + END,
        (404, "NOT_FOUND"),
    ),
    "a way up": (b"GET /docs/../v1/model HTTP/1.1\r\nHost: x\r\n" + END, (404, "NOT_FOUND")),
    "a way up, encoded": (b"GET /docs/..%2fv1/model HTTP/1.1\r\nHost: x\r\n" + END, (404, "NOT_FOUND")),
    "an upgrade to a websocket": (
        MODEL + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        b"AAAAAAAAAAAAAAAAAAAAAA==\r\n" + END,
        NO_MODEL,
    ),
    "an upgrade of the operation": (
        MODEL.replace(b"model", b"predict") + b"Connection: Upgrade\r\nUpgrade: websocket\r\n" + END,
        (405, "METHOD_NOT_ALLOWED"),
    ),
    "a range": (MODEL + b"Range: bytes=0-1\r\n" + END, NO_MODEL),
    "TRACE": (b"TRACE /v1/predict HTTP/1.1\r\nHost: x\r\n" + END, (405, "METHOD_NOT_ALLOWED")),
    "TRACE of an ordinary path": (b"TRACE /docs HTTP/1.1\r\nHost: x\r\n" + END, (405, "METHOD_NOT_ALLOWED")),
    "a method that does not exist": (b"BREW /v1/model HTTP/1.1\r\nHost: x\r\n" + END, (400, None)),
    "a proxy's tunnel": (b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: x\r\n" + END, (400, None)),
    "another version": (b"GET /v1/model HTTP/9.9\r\nHost: x\r\n" + END, (400, None)),
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (400, None)),
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def predictor(
    kafka_bootstrap: str, object_store_settings: ObjectStoreSettings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PredictorProcess]:
    """A predictor without a model, which knows its keys: most of these requests never get as far as one."""
    world = PredictorWorld(kafka_bootstrap, object_store_settings, tmp_path_factory.mktemp("framing"))
    async with world.predictor(LIMITS__BODY_READ_S="0.5") as predictor:
        await predictor.answers_with("/v1/model", *NO_MODEL)
        yield predictor
    await world.close()


async def _exchange(predictor: PredictorProcess, request: bytes) -> tuple[int, str | None, bytes]:
    """Send bytes, with the key if they begin as a request does, and give status, code and head of the answer."""
    line, separator, rest = request.partition(b"\r\n")
    keyed = line + separator + f"Authorization: Bearer {predictor.key}\r\n".encode() + rest if separator else request
    reader, writer = await asyncio.open_connection("127.0.0.1", predictor.port)
    try:
        async with asyncio.timeout(10):
            writer.write(keyed)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if b"content-length" in line), 0
            )
            body = await reader.readexactly(length)
    finally:
        writer.close()
    code = json.loads(body)["code"] if b"application/problem+json" in head else None
    return int(head.split()[1]), code, head


@pytest.mark.parametrize("name", CASES)
async def test_bad_framing_gets_its_exact_answer(predictor: PredictorProcess, name: str) -> None:
    """What the server's parser refuses never reaches our own code, and must not take the process down either."""
    request, expected = CASES[name]
    status, code, _ = await _exchange(predictor, request)
    assert (status, code) == expected
    assert (await predictor.client.get("/health/live")).status_code == 200


async def test_a_body_that_does_not_come_is_waited_for_within_its_limit(predictor: PredictorProcess) -> None:
    """A caller that announces a body and sends none must not hold its connection."""
    status, code, head = await _exchange(predictor, PREDICT + b"Content-Length: 100\r\n" + END + b"{")
    assert (status, code) == (408, "TOO_SLOW")
    assert b"connection: close" in head.lower()


async def test_a_refused_request_with_a_body_ends_its_connection(predictor: PredictorProcess) -> None:
    """Bytes that nobody reads would be taken for the next request, or read for ever."""
    request = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 4000\r\n\r\n"
    status, code, head = await _exchange(predictor, request)
    assert (status, code) == (415, "UNSUPPORTED_TYPE")
    assert b"connection: close" in head.lower()


async def test_two_requests_on_one_connection_get_their_own_answers(predictor: PredictorProcess) -> None:
    """What one request leaves behind must not become part of the next."""
    first = PREDICT + f"Authorization: Bearer {predictor.key}\r\n".encode() + b"Content-Length: 2\r\n" + END + b"{}"
    second = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + END
    reader, writer = await asyncio.open_connection("127.0.0.1", predictor.port)
    async with asyncio.timeout(10):
        writer.write(first + second)
        answers = await reader.read()
    writer.close()
    assert [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]] == [b"422", b"200"]
