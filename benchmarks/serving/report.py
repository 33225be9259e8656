"""Make of the measurements what is kept, and what is printed."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from serving.fitting import Fitted
from serving.systems import HERE, System
from serving.wrk import CONNECTIONS, Round

RESULT = HERE.parent / "results" / "predict.json"
# MLflow's environment has matplotlib.
DRAW = (HERE.parents[1] / ".local" / "mlflow" / "bin" / "python", HERE / "picture.py")
BATCH_GOAL = 2.0
MEMORY_GOAL_MB = 110.0

Spread = dict[str, float]


def spread(values: Sequence[float]) -> Spread:
    """Return median, least and greatest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def spreads(measured: Sequence[Mapping[str, float]]) -> dict[str, Spread]:
    """Return the spread of each value over the rounds."""
    return {name: spread([each[name] for each in measured]) for name in measured[0]}


def circumstances(fitted: Fitted, load: float) -> dict[str, Any]:
    """Return where, when and on what it was measured."""
    describe = ["git", "describe", "--always", "--dirty"]
    return {
        "command": "make bench-predict",
        "commit": subprocess.run(describe, cwd=HERE, capture_output=True, text=True, check=True).stdout.strip(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.platform(),
            "load": load,
        },
        "dataset_sha256": fitted.dataset_sha256,
    }


def table(systems: Sequence[System], rounds: Sequence[Round]) -> list[dict[str, Any]]:
    """Return a row for each system; the systems still run, their memory is read.

    For each number of connections: its figures, how many times its rate ours is, and its CPU per answer by ours.
    """
    return [
        {
            "name": system.name,
            "title": system.title,
            "memory_mb": system.server.memory_mb(),
            "connections": {str(count): _row(system, rounds, count) for count in CONNECTIONS},
        }
        for system in systems
    ]


def _row(system: System, rounds: Sequence[Round], connections: int) -> dict[str, Any]:
    found = [each["systems"] for each in rounds if each["connections"] == connections]
    times = spread([each["predict"]["requests_per_s"] / each[system.name]["requests_per_s"] for each in found])
    cpu = spread([each[system.name]["cpu_us"] / each["predict"]["cpu_us"] for each in found])
    goal = system.goals.get(connections)
    return {
        **spreads([each[system.name] for each in found]),
        "ours_times_it": times,
        "its_cpu_by_ours": cpu,
        "goal": goal,
        "met": None if goal is None else times["median"] >= goal,
    }


def publish(result: dict[str, Any]) -> None:
    """Write the result and its picture, and print it as tables."""
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    subprocess.run([*DRAW, RESULT, RESULT.with_suffix(".png")], check=True)
    print(f"\nload of the machine at the start: {result['machine']['load']:.1f}")
    _print_systems(result["systems"])
    batch, scoring = result["batch_of_1000"], result["scoring"]
    print(f"scoring a row {_said(scoring['scoring_us'], ' us')}, Booster.predict {_said(scoring['ratio'], ' x')} of it")
    print(f"1,000 records in one body {_said(batch['batch_ms'], ' ms')}")
    if "mlflow_ratio" in batch:
        met = _met(batch["mlflow_ratio"]["median"] >= BATCH_GOAL)
        print(f"MLflow for the same {_said(batch['mlflow_ratio'], ' x')} of it; goal {BATCH_GOAL:g}: {met}")
    print(f"start to ready {_said(result['start_to_ready_s'], ' s')}")
    memory = result["memory_mb"]
    most = max(each["Rss"] for each in memory.values())
    print(f"memory, MiB: {memory}; goal {MEMORY_GOAL_MB:g} resident: {_met(most <= MEMORY_GOAL_MB)}")
    for what, key in ("CPU of hello per answer, by ours", "its_cpu_by_ours"), ("ratio to hello", "ours_times_it"):
        hello = result["systems"][0]["connections"]
        print(f"{what} " + ", ".join(f"{_said(row[key], '')} at {_connections(count)}" for count, row in hello.items()))


def _print_systems(rows: Sequence[dict[str, Any]]) -> None:
    """Print a line for each system."""
    heads = [f"{_connections(count) + ', /s':>18}{'CPU, us':>10}  {'ours by it, goal':<32}" for count in CONNECTIONS]
    print(f"{'':<41}{'MiB':>5}" + "".join(heads))
    for row in rows:
        line = f"{row['title']:<41}{row['memory_mb']['Rss']:>5.0f}"
        for each in row["connections"].values():
            goal = "" if each["goal"] is None else f", {each['goal']:g}: {_met(each['met'])}"
            times = "" if row["name"] == "predict" else _said(each["ours_times_it"], "") + goal
            line += f"{each['requests_per_s']['median']:>18,.0f}{each['cpu_us']['median']:>10,.0f}  {times:<32}"
        print(line)


def _connections(count: object) -> str:
    return "1 connection" if str(count) == "1" else f"{count} connections"


def _said(values: Spread, unit: str) -> str:
    return f"{_short(values['median'])}{unit} [{_short(values['min'])}..{_short(values['max'])}]"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _met(met: bool) -> str:
    return "met" if met else "NOT MET"
