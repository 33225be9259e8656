"""Ask the predictors at a fixed rate, and end with 2 when answers were wrong, late, or fewer than asked for.

The rate does not wait for slow answers, so that these are counted and not avoided.
"""

import os
from pathlib import Path

from locust import FastHttpUser, constant_throughput, events, task

ENCOUNTER = Path(__file__).with_name("encounter.json").read_bytes()
HEADERS = {"Content-Type": "application/json", "Authorization": f"Bearer {os.environ['ACCESS_KEY']}"}
PER_USER = 10
"""Predictions a second of one user."""
P99_MS = float(os.environ.get("P99_MS", "50"))
LEAST_SHARE = 0.9
"""Of the predictions that the users together ask for; below it the generator or the predictors could not keep up."""


class Hospital(FastHttpUser):
    """One caller, with one encounter again and again."""

    wait_time = constant_throughput(PER_USER)

    @task
    def predict(self) -> None:
        """Ask once; an answer without a probability is a failure whatever its status."""
        with self.client.post("/v1/predict", data=ENCOUNTER, headers=HEADERS, catch_response=True) as answer:
            if answer.status_code == 200 and not 0 <= answer.json()["probability"] <= 1:
                answer.failure("no probability")


@events.quitting.add_listener
def judge(environment, **_kwargs) -> None:
    """Say what was missed; a process that only asks for another has nothing to judge."""
    if environment.parsed_options.worker:
        return
    total = environment.stats.total
    p99 = total.get_response_time_percentile(0.99) or float("inf")
    asked = environment.parsed_options.num_users * PER_USER
    missed = {
        f"{total.num_failures} of {total.num_requests} failed": total.num_failures > 0,
        f"p99 {p99:.0f} ms, allowed are {P99_MS:.0f}": p99 > P99_MS,
        f"{total.total_rps:.0f} a second, asked were {asked:.0f}": total.total_rps < LEAST_SHARE * asked,
    }
    for text, is_missed in missed.items():
        print(f"{'MISSED' if is_missed else 'held'}: {text}")
    environment.process_exit_code = 2 if any(missed.values()) else 0
