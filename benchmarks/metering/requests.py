"""Ask two predictors in turn, one of which counts nothing, and scrape the services of a stack."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from metering.rounds import EACH, WITH, WITHOUT, Round, order
from readmit_cli.stack.ports import LOOPBACK
from readmit_cli.stack.stack import Stack
from readmit_contracts.columns import COLUMNS
from readmit_contracts.source import SourceFile
from support.model_bundles import request_of
from support.predictor_process import free_port
from support.running_stack import RunningStack, wait_for
from support.scraped import value

HERE = Path(__file__).parents[1]
SCRAPES = 100
RECORDS = 200
SPOOLED = "readmit_predictor_spooled_bytes"
# What Prometheus asks for, which takes longer than the plain text.
AS_PROMETHEUS = {
    "Accept": "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
}


def measure_requests(stack: Stack, dataset: Path, rounds: int, turns: int) -> list[Round]:
    """Return the CPU seconds of both predictors in each round."""
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
                for url, _ in asked.values():
                    _wrk(url, environment)
                before_s = {which: _settled_cpu_s(*each) for which, each in asked.items()}
                answers = Counter[str]()
                for turn in range(turns):
                    for which in order(number + turn):
                        answers[which] += _wrk(asked[which][0], environment)
                measured.append({
                    which: (_settled_cpu_s(*each) - before_s[which]) / answers[which] * EACH
                    for which, each in asked.items()
                })  # fmt: skip
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


def _wrk(url: str, environment: dict[str, str]) -> int:
    """Ask for a second over 4 connections; give the number of answers, all of which have to be good."""
    command = [
        "wrk",
        "-t1",
        "-c4",
        "-d1s",
        "--timeout",
        "15s",
        "-s",
        str(HERE / "serving" / "requests.lua"),
        f"{url}/v1/predict",
    ]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout
    answer: dict[str, float] = json.loads(said.splitlines()[-1])
    if answer["errors"] or not answer["requests"]:
        raise AssertionError(f"not each request was answered well: {said}")
    return int(answer["requests"])


def _settled_cpu_s(url: str, pid: int) -> float:
    """Give a predictor's CPU time once it has shipped what it answered, which is part of the work."""
    wait_for(lambda: not value(httpx.get(f"{url}/metrics").text, SPOOLED), "the spool is empty")
    return _cpu_s(pid)


def _cpu_s(pid: int) -> float:
    """Give the time that the process's threads spent on a core; those that ended are not in it."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def measure_scrapes(running: RunningStack, program: str) -> dict[str, float]:
    """Return how long a scrape of a program takes, what it costs and how much it gives."""
    port = getattr(running.stack.ports, program.replace("-", "_"))
    url = f"http://{LOOPBACK}:{port}/metrics"
    seconds = []
    pid = running.pid(program)
    before_s = _cpu_s(pid)
    with httpx.Client(timeout=20, headers=AS_PROMETHEUS) as client:
        for _ in range(SCRAPES):
            began = time.perf_counter()
            answer = client.get(url)
            seconds.append(time.perf_counter() - began)
            answer.raise_for_status()
    return {
        "p95_ms": sorted(seconds)[int(SCRAPES * 0.95) - 1] * 1e3,
        "cpu_ms": (_cpu_s(pid) - before_s) / SCRAPES * 1e3,
        "series": sum(not line.startswith("#") for line in answer.text.splitlines()),
        "bytes": len(answer.content),
    }
