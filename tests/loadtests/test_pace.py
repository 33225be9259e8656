"""A user asks once a second, and not all of them at the same moment."""

import subprocess

import msgspec
from readmit_load.locust_process import LOCUST, environment

WAITS = """
from gevent import monkey
monkey.patch_all()
import json, random, time
from types import SimpleNamespace
from readmit_load import users

users.World.cohort = SimpleNamespace(random=random.Random(1))

def waits(answered_after_s):
    user = SimpleNamespace(_cp_last_run=time.perf_counter() - answered_after_s, _cp_last_wait_time=0.0)
    return users.each_second(user)

print(json.dumps({"in time": [waits(0.25) for _ in range(5)], "late": [waits(1.5) for _ in range(50)]}))
"""


def test_who_is_answered_too_late_begins_at_another_moment() -> None:
    """Else those who once waited behind one another would ask together for ever, and be told as a slow server."""
    words = [LOCUST.parent / "python", "-c", WAITS]
    said = subprocess.run(
        words, env=environment("", None), capture_output=True, text=True, timeout=60, check=True
    ).stdout
    waits = msgspec.json.decode(said, type=dict[str, list[float]])
    assert all(0.5 < wait < 0.76 for wait in waits["in time"])
    assert min(waits["late"]) < 0.2
    assert max(waits["late"]) > 0.8
