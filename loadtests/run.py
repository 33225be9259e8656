"""Run a load test: against URL, or against a stack that is started for it. `make loadtest` calls this.

The last line is the verdict, the exit code is its own: 0 held, 1 could not begin, 2 missed, 3 void.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import msgspec
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.prometheus import targets_folder
from readmit_cli.stack.stack import Stack
from readmit_load import capacity_page, locust_process, scenarios
from readmit_load.local_stack import LoadedStack, loaded_stack
from readmit_load.report import HTML_FILE, MEASURING_FILE, RUN_FILE, SCENARIO_FILE
from readmit_load.scenario_names import SCENARIOS
from readmit_load.shapes import CAPACITY, SHAPES
from support.predictor_process import free_port

HERE = Path(__file__).parent
RESULTS = HERE / "results"
SLO = HERE / "slo.yaml"
OUT = HERE.parent / ".local" / "loadtest"
DATASET = HERE.parent / ".local" / "data" / "dataset.csv"
LOOK_S = 0.2
EVERY = "all"


def main() -> int:
    """Parse, run, and keep what was found; of several runs, the worst exit code."""
    asked = _parsed()
    if asked.url:
        if asked.scenario:
            print("CANNOT BEGIN: a scenario needs a stack of its own; leave URL out.", file=sys.stderr)
            return 1
        key = os.environ.get("READMIT_ACCESS_KEY", "")
        return _run(asked.shape, locust_process.Target(asked.url.split(","), key, _told_to_prometheus()), asked)
    with loaded_stack(asked.replicas) as running:
        if not asked.scenario:
            return _run(asked.shape, _target(running, alone=asked.shape == CAPACITY), asked)
        names = SCENARIOS if asked.scenario == EVERY else (asked.scenario,)
        return max(_during(name, running, asked) for name in names)


def _told_to_prometheus() -> dict[str, str]:
    """Return the options by which the Prometheus of this checkout's own stack finds the run, none without a stack."""
    try:
        folder = targets_folder(Stack.find().state)
    except StackError:
        return {}
    if not folder.is_dir():
        return {}
    return {"--metrics-port": str(free_port()), "--metrics-target": str(folder / "loadtest.json")}


def _target(running: LoadedStack, *, alone: bool) -> locust_process.Target:
    addresses = running.stack.addresses
    beside = {"--kafka": addresses.kafka, "--batch-producer": addresses.service("batch-producer")}
    return locust_process.Target(running.urls, addresses.access_key, {} if alone else beside)


def _during(scenario: str, running: LoadedStack, asked: argparse.Namespace) -> int:
    """Run under a scenario, which begins once the load is there."""
    try:
        prepared = scenarios.prepare(scenario, running)
    except Exception as error:  # noqa: BLE001 - whatever it is, the others are tried all the same
        print(f"FAIL: {scenario} could not be prepared: {type(error).__name__}: {error}", flush=True)
        return 2

    def meanwhile(locust: "subprocess.Popen[bytes]", out: Path) -> None:
        while not (out / MEASURING_FILE).exists():
            if locust.poll() is not None:
                return
            time.sleep(LOOK_S)
        played = scenarios.play(scenario, running, prepared)
        (out / SCENARIO_FILE).with_suffix(".part").write_bytes(msgspec.json.encode(played))
        (out / SCENARIO_FILE).with_suffix(".part").rename(out / SCENARIO_FILE)

    return _run(scenario, _target(running, alone=True), asked, scenario=scenario, meanwhile=meanwhile)


def _run(
    name: str,
    target: locust_process.Target,
    asked: argparse.Namespace,
    *,
    scenario: str = "",
    meanwhile: Callable[["subprocess.Popen[bytes]", Path], None] | None = None,
) -> int:
    out = OUT / name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    options = {
        "--load-users": asked.users,
        "--seconds": asked.seconds,
        "--slo": asked.slo,
        "--scenario": scenario,
        "--processes": asked.processes,
        "--first-users": asked.first_users,
        "--html": str(out / HTML_FILE),
    }
    words = locust_process.command(target, shape=asked.shape, out=out, options=options)
    with locust_process.running(words, locust_process.environment(target.key, DATASET)) as locust:
        if meanwhile is not None:
            meanwhile(locust, out)
        code = locust_process.believed(
            locust.wait(), measured=(out / MEASURING_FILE).exists(), reported=(out / RUN_FILE).exists()
        )
    if asked.keep and (out / RUN_FILE).exists():
        RESULTS.mkdir(exist_ok=True)
        shutil.copyfile(out / RUN_FILE, RESULTS / f"{name}.json")
        if name == CAPACITY and code == 0 and not asked.url:  # the page tells of a predictor on this machine
            capacity_page.publish(msgspec.json.decode((out / RUN_FILE).read_bytes()))
    return code


class Parser(argparse.ArgumentParser):
    """Ends with 1 at what it does not understand; argparse's own 2 would be a limit that was missed."""

    def error(self, message: str) -> NoReturn:
        """Say what was not understood, and end."""
        print(f"CANNOT BEGIN: {message}", file=sys.stderr)
        sys.exit(1)


def count(text: str) -> int:
    """Return an option that is a whole number of 1 or more; raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text} is no whole number of 1 or more")
    return int(text)


def _parsed() -> argparse.Namespace:
    parser = Parser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    shapes = ["", *SHAPES, CAPACITY]
    add("--shape", default="", choices=shapes, help="how users come and go; hold with a scenario, else smoke")
    add("--scenario", default="", choices=["", EVERY, *SCENARIOS], help="what is done to the stack meanwhile")
    add("--url", default="", help="predictors to ask, separated by commas; READMIT_ACCESS_KEY is their key")
    add("--users", type=count, help="the most users of the shape")
    add("--seconds", type=count, help="how long it is measured")
    add("--slo", default=str(SLO), help="the limits")
    add("--replicas", type=count, help="predictors of the stack; 3 with a scenario, else 1")
    add(
        "--processes",
        type=count,
        help="processes that make the load, besides the one that counts; one for both unless given",
    )
    add("--first-users", type=count, help="where a search for the capacity begins")
    add("--keep", action="store_true", help="keep the result in loadtests/results")
    asked = parser.parse_args()
    asked.shape = asked.shape or ("hold" if asked.scenario else "smoke")
    asked.replicas = asked.replicas or (3 if asked.scenario else 1)
    return asked


def as_program(main: Callable[[], int]) -> NoReturn:
    """Exit with the code of main; SIGTERM ends it as Ctrl-C does, with 2, and all that it started with it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("FAIL: the run was ended before its time", flush=True)
        sys.exit(2)


if __name__ == "__main__":
    as_program(main)
