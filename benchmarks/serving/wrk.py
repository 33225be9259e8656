"""Ask every system in turn by wrk."""

import json
import os
import subprocess
from collections.abc import Sequence
from typing import Any

from serving.systems import HERE, System

CONNECTIONS = (1, 8)
WARM_UP_S = 2

Round = dict[str, Any]
"""{"round", "connections", "systems": {name: {"requests_per_s", "p50_ms", "p99_ms", "cpu_us"}}}."""


def measure_rounds(systems: Sequence[System], rounds: int, seconds: int) -> list[Round]:
    """Measure all systems one after the other, in every round and for each number of connections."""
    for system in systems:
        _ask(system, 4, WARM_UP_S)
    measured = []
    for number in range(1, rounds + 1):
        for connections in CONNECTIONS:
            found = {system.name: _ask(system, connections, seconds) for system in systems}
            measured.append({"round": number, "connections": connections, "systems": found})
            said = ", ".join(f"{name} {each['requests_per_s']:,.0f}" for name, each in found.items())
            print(f"round {number}, connections {connections}, requests/s: {said}", flush=True)
    return measured


def _ask(system: System, connections: int, seconds: int) -> dict[str, float]:
    """Ask for some seconds, over one thread of wrk; fails on any answer but a good one."""
    environment = {"KEY": system.key} | ({"RECORDS": str(system.bodies)} if system.bodies else {})
    script = str(HERE / "requests.lua")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "15s", "-s", script, system.url]
    before_s = system.server.cpu_s()
    said = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=True, timeout=seconds + 60
    ).stdout
    cpu_s = system.server.cpu_s() - before_s
    answer = json.loads(said.splitlines()[-1])
    if answer["errors"] or not answer["requests"]:
        raise AssertionError(f"{system.name} did not answer each request well: {said}")
    system.server.wait_until_idle()
    return {
        "requests_per_s": answer["requests"] / answer["seconds"],
        "p50_ms": answer["p50_ms"],
        "p99_ms": answer["p99_ms"],
        "cpu_us": cpu_s / answer["requests"] * 1e6,
    }
