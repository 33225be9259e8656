import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from readmit_runtime.settings import ObjectStoreSettings
from support.predictor_process import PredictorProcess, PredictorWorld

pytestmark = pytest.mark.asyncio(loop_scope="module")

PREDICT = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
MODEL = b"GET /v1/model HTTP/1.1\r\nHost: x\r\n"
NO_MODEL = 503  # of a request that is understood

CASES = {
    "an announcement above the limit": (PREDICT + b"Content-Length: 999999\r\n\r\n", {413}),
    "chunks above the limit": (
        PREDICT + b"Transfer-Encoding: chunked\r\n\r\n11000\r\n" + b" " * 0x11000 + b"\r\n",
        {413},
    ),
    "two framings": (PREDICT + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
    "two lengths": (PREDICT + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", {400}),
    "a length below 0": (PREDICT + b"Content-Length: -1\r\n\r\n", {400}),
    "a chunk without a length": (PREDICT + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", {400}),
    "a folded header": (MODEL + b"X-Request-Id: a\r\n b\r\n\r\n", {400, NO_MODEL}),
    "an address elsewhere": (b"GET http://elsewhere/v1/model HTTP/1.1\r\nHost: x\r\n\r\n", {404, NO_MODEL}),
    "an upgrade": (MODEL + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", {426, NO_MODEL}),
    "another version": (b"GET /v1/model HTTP/9.9\r\nHost: x\r\n\r\n", {400}),
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {400}),
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def predictor(
    kafka_bootstrap: str, object_store_settings: ObjectStoreSettings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PredictorProcess]:
    """A predictor without a model: most of these requests never get as far as one."""
    world = PredictorWorld(kafka_bootstrap, object_store_settings, tmp_path_factory.mktemp("framing"))
    async with world.predictor() as predictor:
        await predictor.answers("/health/live", 200)
        yield predictor
    await world.close()


@pytest.mark.parametrize("name", CASES)
async def test_bad_framing_gets_a_client_error_or_a_closed_connection(predictor: PredictorProcess, name: str) -> None:
    """What the server's parser refuses never reaches our own code, and must not take the process down either."""
    request, statuses = CASES[name]
    reader, writer = await asyncio.open_connection("127.0.0.1", predictor.port)
    try:
        async with asyncio.timeout(10):
            writer.write(request)
            await writer.drain()
            head = await reader.read(64)
    except ConnectionResetError:
        head = b""
    finally:
        writer.close()
    assert not head or int(head.split()[1]) in statuses
    assert (await predictor.client.get("/health/live")).status_code == 200
