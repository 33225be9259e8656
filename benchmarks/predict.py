"""Measure serving against its floors, in turn, on the same cores.

The model is the trainer's baseline, fitted on the dataset. One real predictor serves it, from real Kafka and S3, with
keys, checks, metrics and the prediction log on; its floor is a bare uvicorn application of the same loop and parser
that answers fixed bytes to a GET (`hello`), or to the predictor's own POST requests (`hello_post`). wrk asks each for
some seconds, one after the other, in every round; a ratio is within one round. The scoring call is measured apart,
against `Booster.predict` on the same row as numpy array, both with one thread.

Run it by `make bench-predict`; the result goes to `benchmarks/results/predict.json`.
"""

import argparse
import asyncio
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from predictor.lightgbm_library import Booster, RowScorer
from readmit_cli.stack import buckets
from readmit_cli.stack.credentials import OBJECT_STORE_ROOT
from readmit_cli.stack.programs import KAFKA, S3
from readmit_contracts.bundle import FEATURES_FILE, MODEL_FILE
from readmit_contracts.columns import COLUMNS
from readmit_contracts.predictions import MAX_ENCOUNTERS
from readmit_contracts.source import DATASET_SHA256, SPLITS, SourceFile
from readmit_features import encode_table, read_features
from readmit_runtime.settings import ObjectStoreSettings
from support.cohort import write_frame
from support.model_bundles import clean_columns, request_of
from support.predictor_process import PredictorProcess, PredictorWorld, free_port
from support.stack import temporary_stack
from trainer.bundle import BundleFiles, collect_bundle
from trainer.fit_files import FRAME_FILE, FitRequest, write_request
from trainer.recipe import baseline
from trainer.training_process import ChildLimits, run

HERE = Path(__file__).parent
RESULT = HERE / "results" / "predict.json"
DATASET = Path(os.environ.get("READMIT_DATASET", HERE.parent / ".local" / "data" / "dataset.csv"))
BUCKET = "readmit-benchmark"
RECORDS = 200
CONNECTIONS = (1, 8)
WARM_UP_S = 2
SCORED = 2_000
BATCHES = 10
STARTS = 5

Raw = list[dict[str, str]]


@dataclass(frozen=True)
class System:
    """What is measured: its address, its process, and the environment that tells wrk what to send."""

    name: str
    url: str
    pid: int
    environment: dict[str, str]


def main() -> None:
    """Measure, print a table, write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds; at least 5 for a figure to quote")
    parser.add_argument("--seconds", type=int, default=3, help="length of one measurement")
    asked = parser.parse_args()
    load = os.getloadavg()[0]  # what others were at, on the same cores
    with tempfile.TemporaryDirectory() as folder:
        rows, bundle = asyncio.run(_fit(Path(folder)))
        print(f"model: {bundle.files[MODEL_FILE].count(b'Tree=')} trees", flush=True)
        scoring = [_score(bundle, rows[:SCORED]) for _ in range(asked.rounds)]
        with temporary_stack() as stack:
            stack.up({KAFKA, S3})
            buckets.make_bucket(stack.addresses, BUCKET)
            settings = ObjectStoreSettings.model_validate(asdict(stack.object_store(OBJECT_STORE_ROOT, BUCKET)))
            world = PredictorWorld(stack.kafka_bootstrap, settings, Path(folder))
            served = asyncio.run(_serve(world, bundle, rows, Path(folder), asked.rounds, asked.seconds))
    result = _result(scoring, served, load)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    _print(result)


async def _fit(folder: Path) -> tuple[Raw, BundleFiles]:
    """Fit the baseline on the dataset; give the test split's encounters by SQL name, and the bundle."""
    source = SourceFile.read(DATASET)
    if source.sha256 != DATASET_SHA256:
        print("NOT THE REAL DATASET: these figures are about another model", flush=True)
    names = [column.sql_name for column in COLUMNS]
    rows = {
        split: [dict(zip(names, line.decode().split(","), strict=True)) for line in source.lines(split)]
        for split in SPLITS
    }
    write_frame(folder / FRAME_FILE, rows)
    write_request(folder, FitRequest(recipe=baseline()))
    await run("trainer.fit", folder, limits=ChildLimits(), on_progress=lambda progress: None)
    return rows["test"], collect_bundle(folder)


def _score(bundle: BundleFiles, rows: Raw) -> dict[str, float]:
    """Score the same rows both ways, one at a time; give microseconds per row."""
    encoded = encode_table(clean_columns(rows), read_features(bundle.files[FEATURES_FILE]))
    row = np.zeros(encoded.shape[1])
    matrix = row.reshape(1, -1)
    scorer = RowScorer(Booster(bundle.files[MODEL_FILE]), row)
    package = lightgbm.Booster(model_str=bundle.files[MODEL_FILE].decode())

    def timed(score: Callable[[], float]) -> tuple[float, list[float]]:
        seconds, answers = [], []
        for values in encoded:
            row[:] = values
            began = time.perf_counter()
            answer = score()
            seconds.append(time.perf_counter() - began)
            answers.append(answer)
        return statistics.median(seconds) * 1e6, answers

    ours_us, ours = timed(scorer.score)
    package_us, theirs = timed(lambda: float(package.predict(matrix, num_threads=1)[0]))
    if ours != theirs:
        raise AssertionError("the scoring call and Booster.predict differ")
    return {"scoring_us": ours_us, "booster_predict_us": package_us, "ratio": package_us / ours_us}


async def _serve(
    world: PredictorWorld, bundle: BundleFiles, rows: Raw, folder: Path, rounds: int, seconds: int
) -> dict[str, Any]:
    await world.store_bundle(bundle)
    await world.promote(bundle.model_id, 1)
    starts = [await _start(world) for _ in range(STARTS)]
    records = folder / "records.jsonl"
    records.write_text("".join(json.dumps(request_of(row)) + "\n" for row in rows[:RECORDS]))
    batch = json.dumps([request_of(row) for row in rows[:MAX_ENCOUNTERS]]).encode()
    with _hello() as (hello, hello_pid):
        async with world.predictor() as predictor:
            await predictor.answers("/health/ready", 200)
            at_start = _memory_mb(predictor.process.pid)
            await _check(predictor, records)
            post = {"RECORDS": str(records), "KEY": world.key}
            systems = (
                System("hello", hello, hello_pid, {}),
                System("predict", f"http://127.0.0.1:{predictor.port}/v1/predict", predictor.process.pid, post),
                System("hello_post", hello, hello_pid, post),
            )
            measured = _rounds(systems, rounds, seconds)
            after_single = _memory_mb(predictor.process.pid)
            batches = [await _batches(predictor, batch) for _ in range(rounds)]
            memory = {
                "ready": at_start, "after_single": after_single, "after_batches": _memory_mb(predictor.process.pid)
            }  # fmt: skip
    await world.close()
    return {"rounds": measured, "batches": batches, "start_to_ready_s": starts, "memory_mb": memory}


async def _start(world: PredictorWorld) -> float:
    """Give the seconds from a process's start to its readiness, with Kafka and S3 up and a model promoted."""
    began = time.perf_counter()
    async with world.predictor() as predictor:
        await predictor.answers("/health/ready", 200)
        seconds = time.perf_counter() - began
        await predictor.stop()
    return seconds


@contextmanager
def _hello() -> Iterator[tuple[str, int]]:
    """Run the floor, and give its address and process id."""
    port = free_port()
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    command = [sys.executable, "-m", "uvicorn", "hello:app", "--port", str(port), *options]
    process = subprocess.Popen(command, cwd=HERE)
    try:
        yield f"http://127.0.0.1:{port}/", process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


async def _check(predictor: PredictorProcess, records: Path) -> None:
    """Fail unless the predictor answers each of the requests that are to be measured."""
    headers = {"content-type": "application/json"}
    for line in records.read_bytes().splitlines():
        (await predictor.client.post("/v1/predict", content=line, headers=headers)).raise_for_status()


def _rounds(systems: tuple[System, ...], rounds: int, seconds: int) -> list[dict[str, Any]]:
    for system in systems:
        _wrk(system, 4, WARM_UP_S)
    measured = []
    for number in range(rounds):
        for connections in CONNECTIONS:
            answers = {system.name: _wrk(system, connections, seconds) for system in systems}
            per_s = {name: answer["requests"] / answer["seconds"] for name, answer in answers.items()}
            cpu_us = {name: answer["cpu_us"] for name, answer in answers.items()}
            measured.append({
                "round": number + 1, "connections": connections, "requests_per_s": per_s, "cpu_us": cpu_us,
                "p50_ms": {name: answer["p50_ms"] for name, answer in answers.items()},
                "p99_ms": {name: answer["p99_ms"] for name, answer in answers.items()},
                "ratio": per_s["predict"] / per_s["hello"], "ratio_post": per_s["predict"] / per_s["hello_post"],
                "cpu_ratio": cpu_us["hello"] / cpu_us["predict"],
            })  # fmt: skip
            said = ", ".join(f"{name} {value:,.0f}/s ({cpu_us[name]:.0f} us CPU)" for name, value in per_s.items())
            print(f"round {number + 1}, {connections} connections: {said}", flush=True)
    return measured


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wrk(system: System, connections: int, seconds: int) -> dict[str, float]:
    """Ask for some seconds, over one thread of wrk; fails on any answer but a good one."""
    before_s = _cpu_s(system.pid)
    script = str(HERE / "predict.lua")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "15s", "-s", script, system.url]
    said = subprocess.run(
        command, env=os.environ | system.environment, capture_output=True, text=True, check=True, timeout=seconds + 60
    ).stdout
    answer: dict[str, float] = json.loads(said.splitlines()[-1])
    if answer["errors"] or not answer["requests"]:
        raise AssertionError(f"{system.name} did not answer each request well: {said}")
    return {**answer, "cpu_us": (_cpu_s(system.pid) - before_s) / answer["requests"] * 1e6}


async def _batches(predictor: PredictorProcess, body: bytes) -> dict[str, float]:
    """Send full batches one after the other; give their median time."""
    seconds = []
    for _ in range(BATCHES):
        began = time.perf_counter()
        response = await predictor.client.post(
            "/v1/predict/batch", content=body, headers={"content-type": "application/json"}
        )
        seconds.append(time.perf_counter() - began)
        response.raise_for_status()
    median = statistics.median(seconds)
    return {"batch_ms": median * 1e3, "rows_per_s": MAX_ENCOUNTERS / median, "bytes": len(body)}


def _memory_mb(pid: int) -> dict[str, float]:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return {name: round(int(fields[name].split()[0]) / 1024, 1) for name in ("Rss", "Pss")}


def _result(scoring: list[dict[str, float]], served: dict[str, Any], load: float) -> dict[str, Any]:
    by_connections = {
        str(connections): {
            name: _spread([each[name] for each in served["rounds"] if each["connections"] == connections])
            for name in ("ratio", "ratio_post", "cpu_ratio")
        }
        for connections in CONNECTIONS
    }
    return {
        "command": "make bench-predict",
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.platform(),
            "load": load,
        },
        "dataset_sha256": SourceFile.read(DATASET).sha256,
        "ratio_to_hello": by_connections,
        "scoring": {name: _spread([each[name] for each in scoring]) for name in scoring[0]},
        "batch_of_1000": {name: _spread([each[name] for each in served["batches"]]) for name in served["batches"][0]},
        "start_to_ready_s": _spread(served["start_to_ready_s"]),
        "memory_mb": served["memory_mb"],
        "rounds": served["rounds"],
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def _print(result: dict[str, Any]) -> None:
    def said(spread: dict[str, float], unit: str) -> str:
        return f"{spread['median']:.2f}{unit} [{spread['min']:.2f}..{spread['max']:.2f}]"

    scoring = result["scoring"]
    print(f"load of the machine at the start: {result['machine']['load']:.1f}")
    print(f"scoring a row {said(scoring['scoring_us'], ' us')}, Booster.predict {said(scoring['ratio'], ' x')} of it")
    print(f"1,000 records in one body {said(result['batch_of_1000']['batch_ms'], ' ms')}")
    print(f"start to ready {said(result['start_to_ready_s'], ' s')}")
    print(f"memory, MB: {result['memory_mb']}")
    cpu = {connections: said(each["cpu_ratio"], "") for connections, each in result["ratio_to_hello"].items()}
    print(
        "CPU of hello per answer, over ours: "
        + ", ".join(f"{ratio} at {count} connections" for count, ratio in cpu.items())
    )
    ratios = {connections: said(each["ratio"], "") for connections, each in result["ratio_to_hello"].items()}
    print("ratio to hello " + ", ".join(f"{ratio} at {count} connections" for count, ratio in ratios.items()))


if __name__ == "__main__":
    main()
