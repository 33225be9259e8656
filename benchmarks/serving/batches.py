"""Time 1,000 raw records in one body: ours, and MLflow's in turn when it runs."""

import json
import statistics
import time
from collections.abc import Sequence
from typing import Any

import httpx
from readmit_contracts.calibration import Calibration
from serving.peer_servers import PATIENCE_S, RunningPeer
from serving.peers import Record, frame_of
from serving.systems import System

BATCHES = 5


def measure_batches(
    ours: System, mlflow: RunningPeer | None, records: Sequence[Record], calibration: Calibration, rounds: int
) -> list[dict[str, float]]:
    """Ask each in turn, some times a round, and give the round's median times; fails unless the answers are equal."""
    requests = [(f"{ours.url}/batch", json.dumps(list(records)).encode())]
    if mlflow:
        requests.append((mlflow.system.url, json.dumps(frame_of(records)).encode()))
    headers = {"content-type": "application/json", "authorization": f"Bearer {ours.key}"}
    found = []
    with httpx.Client(timeout=PATIENCE_S, headers=headers) as client:
        answers = [_ask(client, url, body)[1] for url, body in requests]
        if mlflow and [calibration.probability(score) for score in answers[1]["predictions"]] != [
            answer["probability"] for answer in answers[0]
        ]:
            raise AssertionError("MLflow does not answer a batch as the predictor does")
        for _ in range(rounds):
            seconds = [[_ask(client, url, body)[0] for url, body in requests] for _ in range(BATCHES)]
            medians = [statistics.median(each) for each in zip(*seconds, strict=True)]
            measured = {"batch_ms": medians[0] * 1e3, "rows_per_s": len(records) / medians[0]}
            if mlflow:
                measured |= {"mlflow_ms": medians[1] * 1e3, "mlflow_ratio": medians[1] / medians[0]}
            found.append(measured)
    return found


def _ask(client: httpx.Client, url: str, body: bytes) -> tuple[float, Any]:
    began = time.perf_counter()
    response = client.post(url, content=body)
    seconds = time.perf_counter() - began
    response.raise_for_status()
    return seconds, response.json()
