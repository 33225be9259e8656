"""Measure what the metrics cost: CPU time with and without them, in turn, and how long a scrape takes.

Requests: in every round two real predictors are started that serve the champion of a whole stack, one of which counts
nothing of a request (`unmeasured_predictor.py`). wrk asks them in turn, a second each, and the kernel says what CPU
time they took. They are new in each round because two of a kind differ by some per cent for as long as they live.
Rows: the ingestor's handler of chunks stores the whole dataset in a real Postgres, in one process, with its metrics and
without any, both in every round, in an emptied store. What Kafka's client takes is not in it, so the share is
overstated. Who goes first changes from round to round. A round's figure is the median of its turns, the overhead the
median of the rounds, with its 95 % interval by 10,000 resamples of them.

CPU time on a machine that others use varies by more than the metrics cost. Therefore the calls are measured apart as
well, over and over in one process, and set beside the CPU time of the work that they accompany; there the looks at the
clock are included, which the predictor that counts nothing takes too. Between two predictions the processor's cache
has held much else. So the three values that a prediction observes are measured with a cold cache, too, beside the
same with the client library's histograms.

A scrape is timed from the request to the last byte, 100 times at each service of the stack after `readmit demo`.

Run it by `make bench-metrics`; the result goes to `benchmarks/results/metrics.json`.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx
import prometheus_client
from ingestor.chunks.handler import ChunkHandler
from ingestor.chunks.outcome import BatchCounts, BatchKey, GroupOutcome
from ingestor.chunks.rows import warm_up
from ingestor.metrics import IngestorMetrics
from predictor.metrics import PredictorMetrics
from prometheus_client import CollectorRegistry
from readmit_cli.stack.credentials import DATABASE_OWNER
from readmit_cli.stack.parts import default_parts
from readmit_cli.stack.ports import LOOPBACK
from readmit_cli.stack.programs import POSTGRES, SERVICES
from readmit_cli.stack.stack import Stack
from readmit_contracts.columns import COLUMNS
from readmit_contracts.reasons import Reason
from readmit_contracts.source import DATASET_SHA256, SourceFile
from readmit_runtime import logs
from readmit_runtime.clock import SystemClock
from readmit_runtime.consumer import Handler
from readmit_runtime.database import DirectConnection, connect, create_pool
from readmit_runtime.dead_letters import DeadLetterLimit
from readmit_runtime.messages import IncomingRecord
from readmit_runtime.metric_collectors import Distribution
from readmit_runtime.settings import PostgresSettings
from support.encounters import source_file
from support.model_bundles import request_of
from support.planned_store import PlannedStore, records
from support.prediction_records import prediction_record
from support.predictor_process import free_port
from support.running_stack import RunningStack, wait_for
from support.scraped import series
from support.stack import temporary_stack

HERE = Path(__file__).parent
RESULT = HERE / "results" / "metrics.json"
LIMIT = 0.03
SCRAPES = 100
SCRAPE_LIMIT_MS = 20.0
EACH = 100_000
RECORDS = 200
GROUP_CHUNKS = 40  # the ingestor's own
STORED_TIMES = 4
CALLS = 20_000
COLD_TIMES = 3_000
CACHE_BYTES = 6 * 1024 * 1024
BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
LOOKS_AT_THE_CLOCK = 4
WITH, WITHOUT = "with", "without"

Round = dict[str, float]


def main() -> None:
    """Measure, print a table, write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds; at least 15 for a figure to quote")
    parser.add_argument("--turns", type=int, default=5, help="seconds for which each predictor is asked in a round")
    asked = parser.parse_args()
    load = os.getloadavg()[0]  # what others were at, on the same cores
    with temporary_stack() as stack:
        stack.up(default_parts(with_mlflow=True))
        running = RunningStack(stack)
        running.readmit("demo", "--no-airflow", timeout_s=600)
        dataset = Path(stack.environment("batch-producer")["READMIT_BATCH_PRODUCER_DATASET"])
        requests = _requests(stack, dataset, asked.rounds, asked.turns)
        scrapes = {program: _scrapes(running, program) for program in SERVICES}
    with temporary_stack() as stack, tempfile.TemporaryDirectory() as folder:
        stack.up([POSTGRES])
        rows = asyncio.run(_rows(stack, dataset, Path(folder), asked.rounds))
    result = _result(requests, rows, scrapes, load, SourceFile.read(dataset).sha256)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    _print(result)


def _order(number: int) -> tuple[str, str]:
    return (WITH, WITHOUT) if number % 2 else (WITHOUT, WITH)


def _requests(stack: Stack, dataset: Path, rounds: int, turns: int) -> list[Round]:
    source = SourceFile.read(dataset)
    names = [column.sql_name for column in COLUMNS]
    lines = list(source.lines("test"))[:RECORDS]
    with tempfile.TemporaryDirectory() as folder:
        bodies = Path(folder) / "records.jsonl"
        bodies.write_text(
            "".join(
                json.dumps(request_of(dict(zip(names, line.decode().split(","), strict=True)))) + "\n" for line in lines
            )
        )
        environment = os.environ | {"RECORDS": str(bodies), "KEY": stack.addresses.access_key}
        measured = []
        for number in range(rounds):
            with (
                _predictor(stack, Path(folder), "-m", "predictor") as counting,
                _predictor(stack, Path(folder), str(HERE / "unmeasured_predictor.py")) as uncounting,
            ):
                asked = {WITH: counting, WITHOUT: uncounting}
                for each in asked.values():
                    _wrk(*each, environment)
                taken_s: dict[str, list[float]] = {WITH: [], WITHOUT: []}
                for turn in range(turns):
                    for which in _order(number + turn):
                        taken_s[which].append(_wrk(*asked[which], environment))
                measured.append({which: statistics.median(seconds) for which, seconds in taken_s.items()})
            print(f"round {number + 1}, CPU s per {EACH:,} requests: {measured[-1]}", flush=True)
    return measured


@contextmanager
def _predictor(stack: Stack, folder: Path, *command: str) -> Iterator[tuple[str, int]]:
    """Run one more predictor of the stack; give its address and process id once it serves the champion."""
    port = free_port()
    environment = stack.environment("predictor") | {
        "READMIT_PREDICTOR_HTTP__PORT": str(port),
        "READMIT_PREDICTOR_REPLICA": f"bench-{port}",
        "READMIT_PREDICTOR_LOAD__CACHE": str(folder / f"cache-{port}"),
        "READMIT_PREDICTOR_KEYS__FILE": str(folder / f"keys-{port}.json"),
        # its own, or the one that starts first would ship what the last round left
        "READMIT_PREDICTOR_PREDICTION_LOG__SPOOL": str(folder / f"spool-{port}"),
    }
    url = f"http://{LOOPBACK}:{port}"
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, *command], env=os.environ | environment, stdout=log, stderr=log)
        try:
            wait_for(lambda: _ready(url), f"{command} serves", timeout_s=120)
            yield url, process.pid
        finally:
            process.terminate()
            process.wait(30)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _wrk(url: str, pid: int, environment: dict[str, str]) -> float:
    """Ask for a second over 4 connections; give CPU seconds per 100,000 answers, all of which have to be good."""
    before_s = _cpu_s(pid)
    command = [
        "wrk",
        "-t1",
        "-c4",
        "-d1s",
        "--timeout",
        "15s",
        "-s",
        str(HERE / "serving/requests.lua"),
        f"{url}/v1/predict",
    ]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout
    answer: dict[str, float] = json.loads(said.splitlines()[-1])
    if answer["errors"] or not answer["requests"]:
        raise AssertionError(f"not each request was answered well: {said}")
    return (_cpu_s(pid) - before_s) / answer["requests"] * EACH


def _cpu_s(pid: int) -> float:
    """Give the time that the process's threads spent on a core; those that ended are not in it."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def _scrapes(running: RunningStack, program: str) -> dict[str, float]:
    url = f"http://{LOOPBACK}:{running.stack.addresses.service_port(program)}/metrics"
    seconds = []
    pid = running.pid(program)
    before_s = _cpu_s(pid)
    with httpx.Client(timeout=20) as client:
        for _ in range(SCRAPES):
            began = time.perf_counter()
            answer = client.get(url)
            seconds.append(time.perf_counter() - began)
            answer.raise_for_status()
    return {
        "p50_ms": statistics.median(seconds) * 1e3,
        "p95_ms": sorted(seconds)[int(SCRAPES * 0.95) - 1] * 1e3,
        "most_ms": max(seconds) * 1e3,
        "cpu_ms": (_cpu_s(pid) - before_s) / SCRAPES * 1e3,
        "series": len(series(answer.text)),
        "bytes": len(answer.content),
    }


async def _rows(stack: Stack, dataset: Path, folder: Path, rounds: int) -> list[Round]:
    warm_up()
    logs.configure(service="benchmark", level="WARNING")
    settings = PostgresSettings.model_validate(asdict(stack.database("readmit_ingestor")))
    admin = await connect(PostgresSettings.model_validate(asdict(stack.database(DATABASE_OWNER))))
    lines = dataset.read_text().splitlines()[1:]
    source = source_file(lines)
    await admin.execute("UPDATE ingest.store SET generation = 1")
    await PlannedStore(admin, settings, folder).plan(source, lines)
    chunks = records(source)
    measured = []
    try:
        async with create_pool(settings) as pool:
            metrics = IngestorMetrics(CollectorRegistry())
            limit = DeadLetterLimit(50)
            handlers: dict[str, Handler] = {
                WITH: metrics.loops.aged("chunks", ChunkHandler(pool, limit, on_stored=metrics.group_stored)),
                WITHOUT: ChunkHandler(pool, limit, on_stored=lambda *_: None),
            }
            await _store(admin, handlers[WITHOUT], chunks)
            for number in range(rounds):
                measured.append({which: await _store(admin, handlers[which], chunks) for which in _order(number)})
                print(f"round {number + 1}, CPU s per {EACH:,} rows: {measured[-1]}", flush=True)
    finally:
        await admin.close()
    return measured


async def _store(admin: DirectConnection, handle: Handler, chunks: Sequence[IncomingRecord]) -> float:
    """Store the dataset, some times over, group by group; give CPU seconds of this process per 100,000 rows."""
    taken_s = []
    for _ in range(STORED_TIMES):
        await admin.execute(
            "TRUNCATE raw.train, raw.validation, raw.test, ingest.chunks, ingest.quarantine, ingest.duplicates, "
            "ingest.decisions, ingest.outbox, raw.superseded"
        )
        await admin.execute(
            "UPDATE ingest.batches SET state = 'planned', published = 0, stored = 0, duplicate = 0, quarantined = 0, "
            "stored_at = NULL"
        )
        began_s = time.process_time()
        for first in range(0, len(chunks), GROUP_CHUNKS):
            await handle(chunks[first : first + GROUP_CHUNKS])
        cpu_s = time.process_time() - began_s
        rows = await admin.fetchval("SELECT sum(stored + duplicate + quarantined) FROM ingest.batches")
        taken_s.append(cpu_s / int(rows) * EACH)
    return statistics.median(taken_s)


def _calls_of_a_request() -> float:
    """Give CPU seconds of all that is called for the metrics of one prediction."""
    metrics = PredictorMetrics(CollectorRegistry())
    clock, record = SystemClock(), prediction_record(0)

    def call() -> None:
        for _ in range(LOOKS_AT_THE_CLOCK):
            clock.monotonic()
        metrics.inferred(0.00004)
        metrics.scored(record)
        metrics.answered("/v1/predict", 200, 0.0002)

    return _each(call)


def _calls_of_a_group() -> float:
    """Give CPU seconds of all that is called for the metrics of one group of chunks."""
    metrics = IngestorMetrics(CollectorRegistry())
    counts = BatchCounts(published=15_000, stored=14_990, duplicate=5, quarantined=5)
    outcome = GroupOutcome(
        batches={BatchKey(1, "train", number): counts for number in range(3)},
        quarantined=Counter({Reason.QUARANTINE_LIMIT: 5}),
        chunks_stored=GROUP_CHUNKS,
        batches_stored=1,
    )
    group = [IncomingRecord("t", 0, offset, None, None, (), 1) for offset in range(GROUP_CHUNKS)]

    async def nothing(_records: Sequence[IncomingRecord]) -> None:
        """Store nothing: what is around it is measured."""

    handle = metrics.loops.aged("chunks", nothing)

    def call() -> None:
        metrics.group_stored(outcome, 0.2)
        with suppress(StopIteration):  # a coroutine that waits for nothing ends with its first step
            cast(Coroutine[None, None, None], handle(group)).send(None)

    return _each(call)


def _each(call: Callable[[], None]) -> float:
    """Give the CPU seconds of one call, the median of 15 runs of many."""
    runs = []
    for _ in range(15):
        began_s = time.process_time()
        for _ in range(CALLS):
            call()
        runs.append((time.process_time() - began_s) / CALLS)
    return statistics.median(runs)


def _cold(observe: Callable[[float], None]) -> float:
    """Give the microseconds of three values with a cold cache, the median of many; those of no work are taken off."""
    rubbish, zeros = bytearray(CACHE_BYTES), bytes(CACHE_BYTES)

    def timed(work: Callable[[float], object]) -> float:
        rubbish[:] = zeros
        began = time.perf_counter()
        for value in (0.00004, 0.0002, 0.09):
            work(value)
        return time.perf_counter() - began

    return statistics.median(timed(observe) - timed(id) for _ in range(COLD_TIMES)) * 1e6


def _compared(rounds: list[Round], calls_s: float) -> dict[str, Any]:
    """Give the CPU time of both, the overhead with its interval, and the calls' own share."""
    overheads = [each[WITH] / each[WITHOUT] - 1 for each in rounds]
    chance = random.Random(1)  # noqa: S311 - resamples, no secret
    medians = sorted(statistics.median(chance.choices(overheads, k=len(overheads))) for _ in range(10_000))
    without_s = statistics.median(each[WITHOUT] for each in rounds)
    return {
        "rounds": rounds,
        "cpu_s_with": statistics.median(each[WITH] for each in rounds),
        "cpu_s_without": without_s,
        "overhead": {
            "median": statistics.median(overheads),
            "interval_95": [medians[250], medians[9_749]],
            "mean": statistics.fmean(overheads),
        },
        "calls_cpu_s": calls_s,
        "calls_share": calls_s / without_s,
    }


def _result(
    requests: list[Round], rows: list[Round], scrapes: dict[str, dict[str, float]], load: float, dataset_sha256: str
) -> dict[str, Any]:
    groups = EACH / 500 / GROUP_CHUNKS
    return {
        "command": "make bench-metrics",
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.platform(),
            "load": {"start": load, "end": os.getloadavg()[0]},
        },
        "dataset_sha256": dataset_sha256,
        "each": EACH,
        "requests": _compared(requests, _calls_of_a_request() * EACH),
        "rows": _compared(rows, _calls_of_a_group() * groups),
        "three_values_cold_us": {
            "ours": _cold(Distribution(BUCKETS).observe),
            "library": _cold(prometheus_client.Histogram("a", "b", registry=None, buckets=BUCKETS).observe),
        },
        "scrapes": scrapes,
    }


def _print(result: dict[str, Any]) -> None:
    if result["dataset_sha256"] != DATASET_SHA256:
        print("NOT THE REAL DATASET")
    load = result["machine"]["load"]
    print(f"load of the machine: {load['start']:.1f} at the start, {load['end']:.1f} at the end")
    for what in ("requests", "rows"):
        found = result[what]
        low, high = found["overhead"]["interval_95"]
        print(
            f"{EACH:,} {what}: {found['cpu_s_without']:.2f} s CPU without metrics; with them "
            f"{found['overhead']['median']:+.2%} [{low:+.2%} .. {high:+.2%}]; the calls alone "
            f"{found['calls_cpu_s']:.4f} s, {found['calls_share']:.3%} (limit {LIMIT:.0%})"
        )
    cold = result["three_values_cold_us"]
    print(f"three values with a cold cache: {cold['ours']:.1f} us, by the library {cold['library']:.1f} us")
    for program, scrape in result["scrapes"].items():
        print(
            f"scrape of {program}: p95 {scrape['p95_ms']:.1f} ms (limit {SCRAPE_LIMIT_MS:.0f}), CPU "
            f"{scrape['cpu_ms']:.1f} ms, {scrape['series']} series, {scrape['bytes']:,} bytes"
        )


if __name__ == "__main__":
    main()
