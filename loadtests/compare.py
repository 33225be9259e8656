"""Search the capacity of two servers with the same users, in turn: the predictor, and another address.

Without --url the other one is `mlflow models serve` with the champion of the same stack. The last line is the ratio;
the exit code is 0, 1 where a search could not begin, 2 where one failed, 3 where the other's says little.

`make loadtest-compare` calls this.
"""

import argparse
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
from readmit_load import comparison, locust_process
from readmit_load.local_stack import loaded_stack
from readmit_load.mlflow_server import mlflow_server
from readmit_load.report import RUN_FILE
from readmit_load.shapes import CAPACITY
from run import DATASET, OUT, RESULTS, SLO, Parser, as_program, count

FIRST_USERS = {"readmit": 500, "mlflow": 2}


def main() -> int:
    """Parse, search in turn, print side by side, keep."""
    parser = Parser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--url", default="", help="the other address; `mlflow models serve` of the same model unless given")
    add("--api", default="mlflow", choices=list(FIRST_USERS), help="what the other one understands")
    add("--rounds", type=count, default=3, help="searches of each, in turn")
    add("--seconds", type=count, default=10, help="how long each number of users is held")
    add("--slo", default=str(SLO), help="the limits, for both")
    add("--processes", type=count, help="processes that make the load")
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
    with locust_process.running(words, locust_process.environment(target.key, DATASET)) as locust:
        code = locust.wait()
    if not (out / RUN_FILE).exists():
        print(f"CANNOT COMPARE: the search of {name} came to no result; its messages are above.", file=sys.stderr)
        sys.exit(1 if code == 1 else 2)  # else it had begun, and was killed
    return dict(msgspec.json.decode((out / RUN_FILE).read_bytes()))


def _published(rounds: list[comparison.Round], other: str, *, slo: str) -> int:
    names = {"predictor": "readmit predictor", "other": other}
    counts = {name: [comparison.users(each[name]) for each in rounds] for name in names}
    result = {"names": names, "slo": slo, "users": counts, "ratios": comparison.ratios(rounds), "rounds": rounds}
    print(f"{'':<34}{'users':>7}  {'searches':<22}{'requests/s':>11}{'p50':>8}{'p95':>8}{'p99':>8} ms")
    for name, title in names.items():
        searches = sorted((each[name] for each in rounds), key=comparison.users)
        middle = searches[(len(searches) - 1) // 2]
        seen = middle["window"]["endpoints"]["POST /v1/predict"]
        spread = f"[{min(counts[name])} .. {max(counts[name])}]"
        print(
            f"{title:<34}{comparison.users(middle):>7}  {spread:<22}{middle['capacity']['rate']:>11.0f}"
            f"{seen['p50_ms']:>8.1f}{seen['p95_ms']:>8.1f}{seen['p99_ms']:>8.1f}"
        )
    code, said = comparison.conclusion(rounds, other, slo=slo)
    if code == 0:
        RESULTS.mkdir(exist_ok=True)
        name = "compare" if slo == SLO.name else f"compare-{Path(slo).stem}"
        (RESULTS / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    print(said)
    return code


if __name__ == "__main__":
    as_program(main)
