"""Measure what Airflow adds: the pipeline over the whole dataset against the same commands given from the shell.

A round is two fresh stacks, each with everything up, Airflow included. On one, the DAG `readmission_pipeline` takes in
all rows, trains, promotes and converges; on the other, the command line's own code publishes the same commands and
waits for the same effects. Which comes first alternates. The overhead is the difference of the two.

While the pipeline runs, the status views are looked at twenty times a second. A wait's notice is the time from the
first look that shows its effect, or from the task's start when the effect was there before, to the task's end.

Run it by `make bench-airflow`, some ten minutes; the result goes to `benchmarks/results/airflow-overhead.json`.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from readmit_cli import sessions
from readmit_cli.asking import effects
from readmit_cli.asking.requests import Request
from readmit_cli.demonstration.pipeline import PipelineRun, run_pipeline
from readmit_cli.ingestion import following
from readmit_cli.models import convergence, training
from readmit_cli.stack.parts import default_parts
from readmit_cli.stack.stack import Stack
from readmit_contracts.commands import StartIngestion
from readmit_contracts.source import SPLITS
from readmit_runtime.clock import SystemClock
from readmit_runtime.database import connect
from readmit_runtime.settings import KafkaSettings, PostgresSettings
from support.airflow_api import AirflowApi
from support.running_stack import wait_for
from support.stack import temporary_stack

RESULT = Path(__file__).parent / "results" / "airflow-overhead.json"
LOOK_S = 0.05
DAG = "readmission_pipeline"

# What each wait waits for, as one query that answers true once it is there.
CLEAN = "SELECT count(*) > 0 AND bool_and(state = 'clean') FROM status.batches WHERE $1::text IS NULL OR split = $1"
EFFECTS: dict[str, tuple[str, str | None]] = {
    **{f"ingest.{split}_rows": (CLEAN, split) for split in SPLITS},
    "clean": (CLEAN, None),
    "train": ("SELECT count(*) > 0 FROM status.models WHERE version IS NOT NULL AND $1::text IS NULL", None),
    "gate": ("SELECT count(*) > 0 FROM status.promotions WHERE $1::text IS NULL", None),
    "converge": ("SELECT bool_or(convergence = 'converged') FROM status.champions WHERE $1::text IS NULL", None),
}


def main() -> None:
    """Measure, print a table, write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds; at least 5 for a figure to quote")
    result = _result([_round(number) for number in range(parser.parse_args().rounds)])
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{'wait':<24}{'notice, s (max)':>16}")
    for task, notice_s in result["notice_s"].items():
        print(f"{task:<24}{notice_s['max']:>16.1f}")
    spread = result["overhead_s_spread"]
    print(f"longest notice of an effect: {result['notice_s_max']:.1f} s")
    print(f"overhead {result['overhead_s']:.1f} s [{spread['min']:.1f}..{spread['max']:.1f}]")


def _round(number: int) -> dict[str, Any]:
    ways = [("airflow", _by_airflow), ("shell", _by_shell)]
    found: dict[str, Any] = {}
    for name, way in ways if number % 2 == 0 else reversed(ways):
        with temporary_stack() as stack:
            stack.up(default_parts(with_airflow=True))
            airflow = AirflowApi(stack.airflow())
            wait_for(lambda airflow=airflow: airflow.knows(DAG), "the DAG is known")
            found |= {name: asyncio.run(way(stack))}
    found["overhead_s"] = found["airflow"]["seconds"] - found["shell"]["seconds"]
    print(
        f"round {number + 1}: Airflow {found['airflow']['seconds']:.1f} s, shell {found['shell']['seconds']:.1f} s, "
        f"overhead {found['overhead_s']:.1f} s",
        flush=True,
    )
    return found


async def _by_shell(stack: Stack) -> dict[str, Any]:
    clock = SystemClock()
    request = Request(uuid4(), StartIngestion(batches=dict.fromkeys(SPLITS, "all"), then="train_and_promote"))
    async with sessions.views(_postgres(stack)) as (store, models):
        began = time.monotonic()
        await sessions.publish(request, KafkaSettings(bootstrap_servers=stack.kafka_bootstrap))
        await effects.taken_up(request.effect, store, clock)
        run = await following.run_ended(request, store, clock, lambda *_: None)
        following.require_completed(run)
        asked = training.heard_of(run.run_id)
        job = await training.job_ended(await effects.taken_up(asked, store, clock), models, clock, lambda _: None)
        trained = await training.trained(await effects.settled(asked, store, clock), job, models)
        champion = trained.champion
        if champion is None:
            raise SystemExit("the shell's run came to no champion")
        await convergence.converged(champion.model, champion.epoch, models, clock, lambda _: None)
        return {"seconds": time.monotonic() - began}


async def _by_airflow(stack: Stack) -> dict[str, Any]:
    seen: dict[str, float] = {}
    watching = asyncio.create_task(_watch(stack, seen))
    try:
        began = time.time()
        run: PipelineRun = await run_pipeline(stack.airflow(), SystemClock(), lambda _: None)
        seconds = time.time() - began
    finally:
        watching.cancel()
    tasks = {task.task_id: task for task in run.tasks}
    notice_s = {}
    for name in EFFECTS:
        started = datetime.fromisoformat(str(tasks[name].start_date)).timestamp()
        ended = started + (tasks[name].seconds or 0.0)
        notice_s[name] = ended - max(started, seen.get(name, started))
    return {"seconds": seconds, "task_s": {name: task.seconds for name, task in tasks.items()}, "notice_s": notice_s}


async def _watch(stack: Stack, seen: dict[str, float]) -> None:
    connection = await connect(_postgres(stack))
    while len(seen) < len(EFFECTS):
        for name in [name for name in EFFECTS if name not in seen]:
            if await connection.fetchval(*EFFECTS[name]):
                seen[name] = time.time()
        await asyncio.sleep(LOOK_S)


def _postgres(stack: Stack) -> PostgresSettings:
    return PostgresSettings.model_validate(asdict(stack.database("readmit_reader")))


def _result(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    notices = {name: [one["airflow"]["notice_s"][name] for one in rounds] for name in EFFECTS}
    overheads = [one["overhead_s"] for one in rounds]
    return {
        "command": "make bench-airflow",
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "overhead_s": statistics.median(overheads),
        "overhead_s_spread": _spread(overheads),
        "notice_s_max": max(max(values) for values in notices.values()),
        "notice_s": {name: _spread(values) for name, values in notices.items()},
        "airflow_s": _spread([one["airflow"]["seconds"] for one in rounds]),
        "shell_s": _spread([one["shell"]["seconds"] for one in rounds]),
        "rounds": rounds,
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


if __name__ == "__main__":
    main()
