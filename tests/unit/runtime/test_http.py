"""Health answers tell the truth about this process, without asking more than they must."""

import asyncio
from collections.abc import Mapping

import httpx
import pytest
from prometheus_client import CollectorRegistry, Gauge
from readmit_runtime.errors import Transient
from readmit_runtime.http import Check, health_app, health_routes
from starlette.requests import Request

PROMETHEUS_ACCEPTS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


async def good() -> None:
    """Pass."""


async def away() -> None:
    """Fail as a dependency does."""
    raise Transient("Postgres can't be reached: ConnectionRefusedError")


async def secretive() -> None:
    """Fail with a text that may hold a value."""
    raise ValueError("canary-7f3a")


async def hang() -> None:
    """Never answer."""
    await asyncio.sleep(30.0)


async def get(
    path: str,
    *,
    checks: Mapping[str, Check] | None = None,
    alive: bool = True,
    registry: CollectorRegistry | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """Ask a service with these checks."""
    routes = health_routes(
        alive=lambda: alive,
        checks=checks or {},
        registry=registry or CollectorRegistry(),
        check_timeout_s=0.05,
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(health_app(routes)), base_url="http://service"
    ) as client:
        return await client.get(path, headers=headers)


async def test_a_service_is_ready_when_every_check_passes() -> None:
    """The answer names what was asked, so that a person need not guess."""
    answer = await get("/health/ready", checks={"postgres": good, "kafka": good})

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "checks": {"postgres": "ok", "kafka": "ok"}}


async def test_one_failed_check_makes_the_service_not_ready_and_is_named() -> None:
    """A 503 without a name costs an hour."""
    answer = await get("/health/ready", checks={"postgres": away, "kafka": good})

    assert answer.status_code == 503
    assert answer.json()["checks"]["kafka"] == "ok"
    assert "ConnectionRefusedError" in answer.json()["checks"]["postgres"]


async def test_a_check_that_hangs_fails_in_its_time() -> None:
    """The prober's own limit would otherwise strike, and name nothing."""
    answer = await asyncio.wait_for(get("/health/ready", checks={"s3": hang}), timeout=5.0)

    assert answer.status_code == 503
    assert answer.json()["checks"] == {"s3": "no answer in 0.05 s"}


async def test_checks_that_know_their_answer_take_no_turn_of_the_loop() -> None:
    """A turn of a loop that answers a thousand predictions a second takes longer than they do, and a probe waits."""
    routes = health_routes(alive=lambda: True, checks={"model": good, "keys": good}, registry=CollectorRegistry())
    ready = next(route for route in routes if route.path == "/health/ready")
    answering = ready.endpoint(Request({"type": "http"}))

    with pytest.raises(StopIteration) as ended:
        answering.send(None)
    assert ended.value.value.status_code == 200


async def test_the_text_of_an_unknown_error_stays_inside() -> None:
    """Health pages are read by anyone on the network."""
    answer = await get("/health/ready", checks={"own": secretive})

    assert answer.status_code == 503
    assert "canary-7f3a" not in answer.text


@pytest.mark.parametrize(("alive", "status"), [(True, 200), (False, 503)], ids=["turning", "stuck"])
async def test_liveness_asks_the_own_loop_and_no_dependency(alive: bool, status: int) -> None:
    """Restarting a service because its database is away makes the outage worse."""
    assert (await get("/health/live", alive=alive, checks={"postgres": away})).status_code == status


async def test_metrics_are_those_of_the_given_registry() -> None:
    """A process-wide registry would mix the services of a test, and register at import."""
    registry = CollectorRegistry()
    Gauge("readmit_example_waiting_rows", "Rows.", registry=registry).set(7)

    answer = await get("/metrics", registry=registry)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert "readmit_example_waiting_rows 7.0" in answer.text
    assert "python_info" not in answer.text


async def test_a_version_that_is_none_is_answered_in_text() -> None:
    """Nobody needs a key to ask for it, so it may be no error of ours."""
    answer = await get("/metrics", headers={"accept": "application/openmetrics-text;version=abc"})
    assert answer.status_code == httpx.codes.OK
    assert answer.headers["content-type"].startswith("text/plain")


async def test_metrics_are_in_openmetrics_for_who_asks_as_prometheus_does() -> None:
    """Exemplars are in no other format."""
    registry = CollectorRegistry()
    Gauge("readmit_example_waiting_rows", "Rows.", registry=registry).set(7)

    answer = await get("/metrics", registry=registry, headers={"accept": PROMETHEUS_ACCEPTS})

    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("readmit_example_waiting_rows 7.0\n# EOF\n")
