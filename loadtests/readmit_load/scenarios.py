"""Do to the system what happens to it, while it is asked: promote, roll back, kill, take a dependency away, ingest."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from readmit_cli.stack.programs import KAFKA, POSTGRES, S3

from readmit_load.local_stack import LoadedStack
from readmit_load.report import Played

CALM_S = 5.0
"""Before and between what is done."""
DOWN_S = 8.0

Facts = dict[str, Any]


def prepare(name: str, running: LoadedStack) -> Facts:
    """Bring about what a scenario needs, before any load."""
    if name not in ("promotion", "rollback"):
        return {}
    running.readmit("ingest", "start", "--then", "nothing")
    model = running.json("train", "--no-promote")["model"]["model_id"]
    if name == "rollback":
        running.readmit("models", "promote", model, "--reason", "before a load test")
    return {"model": model}


def play(name: str, running: LoadedStack, prepared: Facts) -> Played:
    """Play a scenario to its end; what does not come to it is a fault in the answer."""
    time.sleep(CALM_S)
    began = time.monotonic()
    try:
        facts = _SCENARIOS[name](running, prepared)
    except Exception as error:  # noqa: BLE001 - whatever it is, the scenario did not come to its end
        return Played(faults=[f"{type(error).__name__}: {error}"])
    return Played(facts={**facts, "took_s": round(time.monotonic() - began, 1)})


def _promotion(running: LoadedStack, prepared: Facts) -> Facts:
    before = running.champion()
    running.readmit("models", "promote", prepared["model"], "--reason", "in a load test")
    return _changed(running, before)


def _rollback(running: LoadedStack, _: Facts) -> Facts:
    before = running.champion()
    running.readmit("models", "rollback", "--reason", "in a load test")
    return _changed(running, before)


def _changed(running: LoadedStack, before: Facts) -> Facts:
    running.readmit("models", "converge")
    after = running.champion()
    assert after["model"]["model_id"] != before["model"]["model_id"], "the champion is the same as before"
    return {"from": before["model"]["model_id"], "to": after["model"]["model_id"]}


def _replica_kill(running: LoadedStack, _: Facts) -> Facts:
    down_s = []
    for replica in running.replicas:
        replica.kill()
        killed = time.monotonic()
        time.sleep(1.0)
        replica.start()
        down_s.append(round(time.monotonic() - killed, 1))
        time.sleep(CALM_S)
    return {"killed": len(down_s), "down_s": down_s}


def _away(program: str) -> Callable[[LoadedStack, Facts], Facts]:
    def outage(running: LoadedStack, _: Facts) -> Facts:
        stopped = time.monotonic()
        with running.stopped(program):
            time.sleep(DOWN_S)
        return {"program": program, "away_s": round(time.monotonic() - stopped, 1)}

    return outage


def _ingestion(running: LoadedStack, _: Facts) -> Facts:
    running.readmit("ingest", "reset", "--reason", "a load test ingests everything", "--yes")
    run = running.json("ingest", "start", "--then", "nothing")
    placed = run["stored"] + run["duplicate"] + run["quarantined"] + run["discarded"]
    assert placed == run["published"] > 0, f"{placed} of {run['published']} rows have a place"
    return {"run": run["run_id"], "state": run["state"], **{key: run[key] for key in _COUNTS}}


_COUNTS = ("published", "stored", "duplicate", "quarantined", "discarded")

_SCENARIOS: Mapping[str, Callable[[LoadedStack, Facts], Facts]] = {
    "promotion": _promotion,
    "rollback": _rollback,
    "replica-kill": _replica_kill,
    "broker-restart": _away(KAFKA),
    "s3-outage": _away(S3),
    "postgres-outage": _away(POSTGRES),
    "ingestion": _ingestion,
}
