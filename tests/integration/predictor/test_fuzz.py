"""Fuzzed requests against one real predictor: `make fuzz-test` sends a million."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from time import monotonic

import pytest
from predictor.problems import ProblemKind
from readmit_contracts.events import ModelPromoted
from readmit_contracts.predictions import ServedModel
from support.bad_requests import CANARY
from support.cohort import cohort
from support.fuzz_bodies import OK
from support.fuzz_judge import Judge
from support.fuzz_oddities import DIGITS
from support.fuzz_requests import OUTCOMES, PARSER, RequestMaker
from support.fuzz_run import FuzzRun
from support.model_bundles import model_bundle, request_of
from support.predictor_process import PredictorProcess, PredictorWorld, new_key

REQUESTS = int(os.environ.get("READMIT_FUZZ_REQUESTS", "3000"))
SEED = int(os.environ.get("READMIT_FUZZ_SEED", "1"))
FIRST = int(os.environ.get("READMIT_FUZZ_FIRST", "0"))
CALLERS = 4  # far below the limits of requests and batches under way: to be told of an overload would be wrong
BODY_READ_S = "1"  # short, for the few requests that stall; long enough for a caller on a crowded machine
EVERY_OUTCOME_AFTER = 20_000  # requests, in which each kind of answer occurs
WARM_AFTER = 0.2  # of the requests: until then the process fills its caches and the allocator its pools
GROWTH_MIB = 4.0  # pages that the allocator keeps of the largest bodies; a leak of 50 bytes a request would be above it
BETWEEN_LOOKS_S = 1.0
WORDS = 20  # about progress


@pytest.mark.timeout(120 + REQUESTS / 50)
async def test_fuzzed_requests_get_documented_answers_from_a_process_that_neither_ends_nor_grows(
    world: PredictorWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever reaches the port may send anything: it costs them an answer, and nobody else anything."""
    without_scope = new_key()
    await world.grant(without_scope, scopes=())
    event = await world.promote(model_bundle(1).model_id, 1)
    pool = [request_of(row) for row in cohort(200, seed=7)]
    async with world.predictor(LIMITS__BODY_READ_S=BODY_READ_S) as predictor:
        await predictor.serves(1)
        maker = RequestMaker(pool, seed=SEED, key=predictor.key, key_without_scope=without_scope)
        run = FuzzRun(predictor.port, maker, Judge(model_bundle(1), _served(event), pool))
        before, began = await _counted(predictor), monotonic()
        with capsys.disabled():
            memory = await _watched(run, predictor, began)
        assert run.failures == [], "\n\n".join(run.failures)
        after = await _counted(predictor)
        assert await predictor.stop() == 0
    faults, grown = after["5xx"] - before["5xx"], max(memory) - memory[0]
    with capsys.disabled():
        sys.stdout.write(
            f"{_verdict(run, monotonic() - began)}, 5xx: {faults}; memory {memory[0]:.1f} MiB, grown by {grown:.1f}\n"
        )
    assert faults == 0
    assert run.sent == REQUESTS
    if REQUESTS >= EVERY_OUTCOME_AFTER:
        assert set(run.outcomes) == OUTCOMES
    assert grown <= GROWTH_MIB
    assert _faults(predictor) == []


async def _watched(run: FuzzRun, predictor: PredictorProcess, began: float) -> list[float]:
    """Let the callers send all requests, and give the memory in MiB, look by look, from when the process is warm."""
    last = FIRST + REQUESTS
    calling = [
        asyncio.create_task(asyncio.to_thread(run.call, range(FIRST + i, last, CALLERS))) for i in range(CALLERS)
    ]
    memory, told = [], 0
    while True:
        done, _ = await asyncio.wait(calling, timeout=BETWEEN_LOOKS_S, return_when=asyncio.ALL_COMPLETED)
        assert predictor.process.returncode is None, predictor.log.read_text()[-3_000:]
        if run.sent >= WARM_AFTER * REQUESTS:
            memory.append(_resident_mib(predictor))
        if run.sent * WORDS >= (told + 1) * REQUESTS:
            told = run.sent * WORDS // REQUESTS
            rate = run.sent / (monotonic() - began)
            sys.stdout.write(
                f"\n{run.sent:,} of {REQUESTS:,} requests, {rate:,.0f}/s, {_resident_mib(predictor):.1f} MiB"
            )
            sys.stdout.flush()
        if len(done) == CALLERS:
            await asyncio.gather(*calling)
            return memory


def _served(event: ModelPromoted) -> ServedModel:
    return ServedModel(
        name=event.model, model_id=event.model_id, version=event.version, epoch=event.epoch, lineage=event.lineage
    )


def _resident_mib(predictor: PredictorProcess) -> float:
    told = subprocess.run(["ps", "-o", "rss=", "-p", str(predictor.process.pid)], capture_output=True, check=True)
    return int(told.stdout) / 1024


async def _counted(predictor: PredictorProcess) -> Counter[str]:
    """Give how many requests the predictor itself counted, by class of status."""
    counted: Counter[str] = Counter()
    metrics = (await predictor.client.get("/metrics")).text
    assert CANARY not in metrics
    for line in metrics.splitlines():
        if line.startswith("readmit_predictor_answer_duration_seconds_count{"):
            counted[line.split('status="')[1].split('"')[0]] += int(float(line.rsplit(" ", 1)[1]))
    return counted


def _faults(predictor: PredictorProcess) -> list[str]:
    """Give the lines of the log that tell of a fault, or hold a value that was sent."""
    with predictor.log.open() as log:
        return [line for line in log if _is_fault(line)]


def _is_fault(line: str) -> bool:
    sent = CANARY in line or DIGITS.decode() in line
    return sent or not line.startswith("{") or json.loads(line)["level"] not in ("debug", "info", "warning")


def _verdict(run: FuzzRun, took_s: float) -> str:
    statuses: Counter[int] = Counter()
    for outcome, times in run.outcomes.items():
        statuses[200 if outcome == OK else 400 if outcome == PARSER else ProblemKind[outcome].status] += times
    answers = ", ".join(f"{status}: {times:,}" for status, times in sorted(statuses.items()))
    return (
        f"\nfuzzed with seed {SEED}: {run.sent:,} requests in {took_s:.0f} s, {run.outcomes.total():,} answers; "
        f"{answers}"
    )
