"""Measure serving against its floors and its peers, in turn, on the same cores.

The model is the trainer's baseline, fitted on the dataset. One real predictor serves it, from real Kafka and S3, with
keys, checks, metrics and the prediction log on; its floor is a bare uvicorn application of the same loop and parser
that answers fixed bytes to a GET (`hello`), or to the predictor's own POST requests (`hello_post`). The peers serve
the same model by other tools. wrk asks each for some seconds, one after the other, in every round; a ratio is within
one round. The scoring call is measured apart, against `Booster.predict` on the same row as numpy array, both with one
thread; so are 1,000 records in one body.

Run it by `make bench-predict`; the result goes to `benchmarks/results/predict.json` and `predict.png` beside it.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
from readmit_cli.stack import buckets
from readmit_cli.stack.credentials import OBJECT_STORE_ROOT
from readmit_cli.stack.programs import KAFKA, S3
from readmit_contracts.bundle import CALIBRATION_FILE
from readmit_contracts.calibration import Calibration
from readmit_contracts.predictions import MAX_ENCOUNTERS
from readmit_runtime.settings import ObjectStoreSettings
from serving import report
from serving.batches import measure_batches
from serving.fitting import Fitted, fit
from serving.peer_servers import check_peers, running_peers
from serving.processes import Server
from serving.scoring import time_scoring
from serving.systems import System, floors
from serving.wrk import measure_rounds
from support.model_bundles import request_of
from support.predictor_process import PredictorProcess, PredictorWorld
from support.stack import temporary_stack

BUCKET = "readmit-benchmark"
RECORDS = 200
STARTS = 5


def main() -> None:
    """Measure, print a table, write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds; at least 5 for a figure to quote")
    parser.add_argument("--seconds", type=int, default=3, help="length of one measurement")
    parser.add_argument("--no-peers", action="store_true", help="leave the peers out; `make` calls it PEERS=no")
    asked = parser.parse_args()
    load = os.getloadavg()[0]  # what others were at, on the same cores
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fitted = asyncio.run(fit(folder))
        scoring = [time_scoring(fitted) for _ in range(asked.rounds)]
        with temporary_stack() as stack:
            stack.up({KAFKA, S3})
            buckets.make_bucket(stack.addresses, BUCKET)
            store = ObjectStoreSettings.model_validate(asdict(stack.object_store(OBJECT_STORE_ROOT, BUCKET)))
            world = PredictorWorld(stack.kafka_bootstrap, store, folder)
            served = asyncio.run(_serve(world, fitted, folder, asked))
    report.publish({**report.circumstances(fitted, load), "scoring": report.spreads(scoring), **served})


async def _serve(world: PredictorWorld, fitted: Fitted, folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    requests = [request_of(row) for row in fitted.rows[:MAX_ENCOUNTERS]]
    singles = requests[:RECORDS]
    bodies = folder / "records.jsonl"
    bodies.write_text("".join(json.dumps(request) + "\n" for request in singles))
    calibration = msgspec.json.decode(fitted.bundle.files[CALIBRATION_FILE], type=Calibration)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(world.close)
        await world.store_bundle(fitted.bundle)
        await world.promote(fitted.bundle.model_id, 1)
        starts = [await _start(world) for _ in range(STARTS)]
        hello, hello_post = stack.enter_context(floors(folder, bodies))
        peers = {} if asked.no_peers else stack.enter_context(running_peers(fitted, singles, folder / "peers"))
        async with world.predictor() as predictor:
            await predictor.answers("/health/ready", 200)
            server = Server(predictor.process.pid)
            url = f"http://127.0.0.1:{predictor.port}/v1/predict"
            ours = System("predict", "readmit predictor", url, server, bodies=bodies, key=world.key)
            memory = {"ready": server.memory_mb()}
            check_peers(peers.values(), calibration, singles, [await _answer(predictor, each) for each in singles])
            systems = (hello, hello_post, ours, *(each.system for each in peers.values()))
            rounds = measure_rounds(systems, asked.rounds, asked.seconds)
            memory["after_single"] = server.memory_mb()
            batches = measure_batches(ours, peers.get("mlflow"), requests, calibration, asked.rounds)
            memory["after_batches"] = server.memory_mb()
            table = report.table(systems, rounds)
    return {
        "systems": table,
        "batch_of_1000": report.spreads(batches),
        "start_to_ready_s": report.spread(starts),
        "memory_mb": memory,
        "rounds": rounds,
    }


async def _start(world: PredictorWorld) -> float:
    """Give the seconds from a process's start to its readiness, with Kafka and S3 up and a model promoted."""
    began = time.perf_counter()
    async with world.predictor() as predictor:
        await predictor.answers("/health/ready", 200)
        seconds = time.perf_counter() - began
        await predictor.stop()
    return seconds


async def _answer(predictor: PredictorProcess, request: dict[str, Any]) -> float:
    response = await predictor.client.post("/v1/predict", json=request)
    response.raise_for_status()
    probability: float = response.json()["probability"]
    return probability


if __name__ == "__main__":
    main()
