"""A load test of a real predictor ends as it must: green, red with what was missed, or before any load."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from readmit_load import locust_process
from readmit_load.report import MEASURING_FILE, RUN_FILE
from readmit_runtime.settings import ObjectStoreSettings
from support.model_bundles import model_bundle
from support.predictor_process import PredictorProcess, PredictorWorld, free_port

SECONDS = 4
USERS = 50
SLO = locust_process.ROOT / "loadtests" / "slo.yaml"


@pytest.fixture
async def world(
    kafka_bootstrap: str, object_store_settings: ObjectStoreSettings, tmp_path: Path
) -> AsyncIterator[PredictorWorld]:
    """Give the way to start predictors that serve a small model."""
    world = PredictorWorld(kafka_bootstrap, object_store_settings, tmp_path)
    await world.store_bundle(model_bundle(1))
    await world.promote(model_bundle(1).model_id, 1)
    yield world
    await world.close()


class Ended:
    """What a run said, how it ended, and what it left."""

    def __init__(self, code: int, said: str, out: Path) -> None:
        self.code = code
        self.said = said
        self.last = said.strip().splitlines()[-1]
        self.report: dict[str, Any] | None = None
        if (out / RUN_FILE).exists():
            self.report = msgspec.json.decode((out / RUN_FILE).read_bytes())


async def loaded(
    out: Path,
    hosts: list[str],
    key: str,
    *,
    slo: Path = SLO,
    once_it_measures: Callable[[int], None] | None = None,
    **options: Any,
) -> Ended:
    """Run Locust and give its end."""
    words = locust_process.command(
        locust_process.Target(hosts, key),
        shape="smoke",
        out=out,
        options={"--load-users": USERS, "--seconds": SECONDS, "--slo": str(slo), **options},
    )
    process = await asyncio.create_subprocess_exec(
        *words,
        env=locust_process.environment(key, None),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    if once_it_measures is not None:
        while not (out / MEASURING_FILE).exists() and process.returncode is None:
            await asyncio.sleep(0.1)
        once_it_measures(process.pid)
    said, _ = await process.communicate()
    return Ended(process.returncode or 0, said.decode(), out)


def address(predictor: PredictorProcess) -> str:
    """Give where it listens."""
    return f"http://127.0.0.1:{predictor.port}"


async def test_a_good_run_is_green_and_tells_both_sides(world: PredictorWorld, tmp_path: Path) -> None:
    """Users of each route, a verdict as the last line, the server's own histogram and the generator's CPU."""
    async with world.predictor() as predictor:
        await predictor.answers("/health/ready", 200)
        ended = await loaded(tmp_path / "out", [address(predictor)], world.key)
    assert ended.code == 0, ended.said
    assert ended.last.startswith("PASS: smoke; ")
    report = ended.report
    assert report is not None
    seen, server = report["window"]["endpoints"], report["window"]["server"]
    assert set(seen) == {"POST /v1/predict", "POST /v1/predict/batch", "GET /v1/model", "GET /health/ready"}
    assert sum(each["failures"] for each in seen.values()) == 0
    assert seen["POST /v1/predict"]["requests"] > 0.8 * 47 * SECONDS
    assert server["/v1/predict"]["requests"] > 0.8 * seen["POST /v1/predict"]["requests"]
    assert server["/v1/predict"]["p50_ms"] <= seen["POST /v1/predict"]["p50_ms"] + 1
    assert 0 < report["window"]["generator"]["cpu_shares"]["alone"] < 0.9


async def test_more_processes_make_one_run(world: PredictorWorld, tmp_path: Path) -> None:
    """A master and workers: their requests are one sum, and each one's CPU is told."""
    async with world.predictor() as predictor:
        await predictor.answers("/health/ready", 200)
        ended = await loaded(tmp_path / "out", [address(predictor)], world.key, **{"--processes": 2})
    assert ended.code == 0, ended.said
    assert ended.report is not None
    assert ended.report["window"]["endpoints"]["POST /v1/predict"]["requests"] > 0.7 * 47 * SECONDS
    assert len(ended.report["window"]["generator"]["cpu_shares"]) == 3


async def test_a_process_of_the_generator_that_dies_takes_the_verdict_along(
    world: PredictorWorld, tmp_path: Path
) -> None:
    """The others take its users over, and nobody knows what it had seen."""
    async with world.predictor() as predictor:
        await predictor.answers("/health/ready", 200)
        ended = await loaded(
            tmp_path / "out",
            [address(predictor)],
            world.key,
            once_it_measures=_kill_a_child,
            **{"--processes": 2, "--seconds": 2 * SECONDS},
        )
    assert ended.code == 2, ended.said
    assert "1 of 3 processes of the generator told nothing at the end" in ended.last, ended.said


async def test_a_predictor_slowed_on_purpose_breaks_the_limits_by_name(world: PredictorWorld, tmp_path: Path) -> None:
    """It stands still for a third of a second, again and again: exit code 2, endpoint and percentile."""
    strict = tmp_path / "slo.yaml"
    strict.write_text(SLO.read_text().partition("\nduring:")[0])
    async with world.predictor() as predictor, _standing_still(predictor):
        ended = await loaded(tmp_path / "out", [address(predictor)], world.key, slo=strict)
    assert ended.code == 2, ended.said
    assert ended.last.startswith("FAIL: ")
    assert ended.report is not None
    misses = ended.report["verdict"]["misses"]
    for name in ("p95", "p99"):
        assert any(miss.startswith(f"POST /v1/predict: {name} ") for miss in misses), misses


async def test_a_replica_that_is_killed_is_stood_in_for_and_counted(world: PredictorWorld, tmp_path: Path) -> None:
    """No request fails: what it had in hand and what comes after goes to the other one."""
    async with world.predictor() as one, world.predictor() as other:
        for predictor in (one, other):
            await predictor.answers("/health/ready", 200)
        running = asyncio.create_task(loaded(tmp_path / "out", [address(one), address(other)], world.key))
        await asyncio.sleep(6)
        one.process.kill()
        ended = await running
    assert ended.code == 0, ended.said
    assert ended.report is not None
    assert ended.report["failovers"] > 0


async def test_a_run_that_is_ended_early_is_no_green_one(world: PredictorWorld, tmp_path: Path) -> None:
    """Whoever stops it has seen a part of it."""
    async with world.predictor() as predictor:
        await predictor.answers("/health/ready", 200)
        ended = await loaded(
            tmp_path / "out", [address(predictor)], world.key, once_it_measures=lambda pid: os.kill(pid, signal.SIGTERM)
        )
    assert (ended.code, ended.report) == (2, None), ended.said
    assert ended.last == "FAIL: the run was ended before its time"


async def test_what_can_not_be_asked_ends_before_any_load(world: PredictorWorld, tmp_path: Path) -> None:
    """Exit code 1, a sentence that says what is wrong, and no report."""
    unknown = tmp_path / "unknown.yaml"
    unknown.write_text(SLO.read_text().replace("GET /v1/model", "GET /v1/modle", 1))
    out = tmp_path / "out"
    async with world.predictor() as predictor, world.predictor(MODEL="never-promoted") as waiting:
        await predictor.answers("/health/ready", 200)
        await waiting.answers("/health/live", 200)
        good = [address(predictor)]
        nobody = f"127.0.0.1:{free_port()}"
        cases: list[tuple[list[str], str, dict[str, Any], str]] = [
            ([f"http://{nobody}"], world.key, {}, "nobody answers at"),
            ([*good, address(waiting)], world.key, {}, "it is not ready"),
            (good, "", {}, "READMIT_ACCESS_KEY is not set"),
            (good, "rk_0000000000000000_no", {}, "not a key that it takes"),
            (good, world.key, {"--slo": unknown}, "names the endpoint 'GET /v1/modle'"),
            (good, world.key, {"--kafka": nobody}, f"Kafka at {nobody} does not answer"),
            (good, world.key, {"--batch-producer": f"http://{nobody}"}, "nobody answers at"),
        ]
        for hosts, key, options, said in cases:
            ended = await loaded(out, hosts, key, **options)
            assert (ended.code, ended.report) == (1, None), ended.said
            assert "CANNOT BEGIN: " in ended.last, ended.said
            assert said in ended.last, ended.said


def _kill_a_child(pid: int) -> None:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)


@asynccontextmanager
async def _standing_still(predictor: PredictorProcess) -> AsyncIterator[None]:
    await predictor.answers("/health/ready", 200)
    pid = predictor.process.pid

    async def stop_and_go() -> None:
        while True:
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(0.33)
            os.kill(pid, signal.SIGCONT)
            await asyncio.sleep(0.67)

    standing = asyncio.create_task(stop_and_go())
    try:
        yield
    finally:
        standing.cancel()
        os.kill(pid, signal.SIGCONT)
