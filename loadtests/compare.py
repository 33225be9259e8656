"""Search the capacity of two servers with the same users, in turn: the predictor, and another address.

Without --url the other one is `mlflow models serve` with the champion of the same stack. `make loadtest-compare` calls
this; the last line is the ratio, the exit code 0 when the limits were held by the predictor's users, else 2.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
from readmit_load import locust_process
from readmit_load.local_stack import loaded_stack
from readmit_load.mlflow_server import mlflow_server
from readmit_load.report import RUN_FILE
from readmit_load.shapes import CAPACITY
from run import DATASET, OUT, RESULTS, SLO

FIRST_USERS = {"readmit": 500, "mlflow": 2}


def main() -> int:
    """Parse, search in turn, print side by side, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--url", default="", help="the other address; `mlflow models serve` of the same model unless given")
    add("--api", default="mlflow", choices=list(FIRST_USERS), help="what the other one understands")
    add("--rounds", type=int, default=3, help="searches of each, in turn")
    add("--seconds", type=float, default=10.0, help="how long each number of users is held")
    add("--slo", default=str(SLO), help="the limits, for both")
    add("--processes", type=int, help="processes that make the load")
    asked = parser.parse_args()
    with loaded_stack(1) as running, ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        other = asked.url or cleanup.enter_context(mlflow_server(running, folder / "mlflow"))
        servers = {
            "predictor": ("readmit", locust_process.Target(running.urls, running.stack.addresses.access_key)),
            "other": (asked.api, locust_process.Target([other], running.stack.addresses.access_key)),
        }
        rounds = [
            {name: _searched(name, api, target, asked) for name, (api, target) in servers.items()}
            for _ in range(asked.rounds)
        ]
    return _published(rounds, asked.url or "mlflow models serve", slo=Path(asked.slo).name)


def _searched(name: str, api: str, target: locust_process.Target, asked: argparse.Namespace) -> dict[str, Any]:
    out = OUT / f"compare-{name}"
    shutil.rmtree(out, ignore_errors=True)
    options = {
        "--api": api,
        "--slo": asked.slo,
        "--first-users": FIRST_USERS[api],
        "--repeats": 1,
        "--seconds": asked.seconds,
        "--processes": asked.processes,
    }
    words = locust_process.command(target, shape=CAPACITY, out=out, options=options)
    subprocess.run(words, env=locust_process.environment(target.key, DATASET), check=False)
    if not (out / RUN_FILE).exists():
        raise AssertionError(f"the search of {name} came to no result; its messages are above")
    return dict(msgspec.json.decode((out / RUN_FILE).read_bytes()))


def _published(rounds: list[dict[str, Any]], other: str, *, slo: str) -> int:
    names = {"predictor": "readmit predictor", "other": other}
    counts = {name: [each[name]["capacity"]["users"] for each in rounds] for name in names}
    ratios = [ours / theirs for ours, theirs in zip(counts["predictor"], counts["other"], strict=True) if theirs]
    result = {"names": names, "slo": slo, "users": counts, "ratios": ratios, "rounds": rounds}
    RESULTS.mkdir(exist_ok=True)
    name = "compare" if slo == SLO.name else f"compare-{Path(slo).stem}"
    (RESULTS / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    print(f"{'':<34}{'users':>7}  {'searches':<22}{'requests/s':>11}{'p50':>8}{'p95':>8}{'p99':>8} ms")
    for name, title in names.items():
        searches = sorted((each[name] for each in rounds), key=lambda each: each["capacity"]["users"])
        middle = searches[(len(searches) - 1) // 2]
        seen = middle["window"]["endpoints"]["POST /v1/predict"]
        spread = f"[{min(counts[name])} .. {max(counts[name])}]"
        print(
            f"{title:<34}{middle['capacity']['users']:>7}  {spread:<22}{middle['capacity']['rate']:>11.0f}"
            f"{seen['p50_ms']:>8.1f}{seen['p95_ms']:>8.1f}{seen['p99_ms']:>8.1f}"
        )
    held = min(counts["predictor"]) > 0
    print(f"{'PASS' if held else 'FAIL'}: within {slo} {_said(counts, ratios, rounds, other)}")
    return 0 if held else 2


def _said(counts: dict[str, list[int]], ratios: list[float], rounds: list[dict[str, Any]], other: str) -> str:
    """Say how many times the users the predictor carries; there is no such number when the other one carries none."""
    if len(ratios) < len(rounds):
        first = min(rounds[0]["other"]["capacity"]["trials"], key=lambda trial: int(trial["users"]))
        few = "1 user" if first["users"] == 1 else f"{first['users']} users"
        return (
            f"the predictor carries {statistics.median_low(counts['predictor']):,} users and {other} not one "
            f"({few}: {first['void'] or ', '.join(first['misses'])})"
        )
    return (
        f"the predictor carries {statistics.median(ratios):.0f} times "
        f"[{min(ratios):.0f} .. {max(ratios):.0f}] the users of {other}"
    )


if __name__ == "__main__":
    sys.exit(main())
