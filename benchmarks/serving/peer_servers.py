"""Start the peers, all at once, and let none be measured that answers anything but what we answer."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from readmit_contracts.bundle import MODEL_FILE
from readmit_contracts.calibration import Calibration
from serving.fitting import Fitted
from serving.peers import Peer, Record, peers_of
from serving.processes import serving
from serving.systems import HERE, System
from support.predictor_process import free_port
from trainer.bundle import save_bundle

ROOT = HERE.parents[1]
MODULES = HERE.parent / "peers"
PATIENCE_S = 120.0
CHECKED = 50
IMPORTED = (MODULES / "raw_records", ROOT / "packages/contracts/src", ROOT / "packages/features/src")
ENVIRONMENT = {
    "PYTHONPATH": ":".join(map(str, IMPORTED)),
    "BUNDLE": "bundle",
    "OMP_NUM_THREADS": "1",  # more threads make LightGBM slower with one row
    "BENTOML_DO_NOT_TRACK": "True",
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "UVICORN_ACCESS_LOG": "false",
}


@dataclass(frozen=True)
class RunningPeer:
    """A peer and where it listens."""

    peer: Peer
    system: System
    log: Path

    def score(self, client: httpx.Client, record: Record) -> float:
        """Ask for the score of one record."""
        response = client.post(self.system.url, json=self.peer.body(record))
        response.raise_for_status()
        return self.peer.score(response.json())


@contextmanager
def running_peers(fitted: Fitted, records: Sequence[Record], folder: Path) -> Iterator[dict[str, RunningPeer]]:
    """Run all of them in the folder, which is made; each answers when this is entered."""
    save_bundle(folder / "bundle", fitted.bundle)
    shutil.copytree(MODULES / "mlserver", folder / "mlserver")
    (folder / "mlserver" / MODEL_FILE).write_bytes(fitted.bundle.files[MODEL_FILE])
    save = [_programs("raw_records") / "python", MODULES / "raw_records" / "mlflow_save.py", "bundle", "mlflow"]
    saved = subprocess.run(save, cwd=folder, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=False)
    if saved.returncode:
        raise AssertionError(f"the pyfunc model can't be saved: {saved.stderr}")
    with ExitStack() as stack, httpx.Client(timeout=PATIENCE_S) as client:
        running = [stack.enter_context(_started(peer, records, folder)) for peer in peers_of(fitted)]
        for each in running:
            _wait_for(each, client, records[0])
        yield {each.peer.name: each for each in running}


def check_peers(
    running: Iterable[RunningPeer], calibration: Calibration, records: Sequence[Record], ours: Sequence[float]
) -> None:
    """Fail unless each peer's score of the first records, calibrated, is our probability, bit for bit."""
    with httpx.Client(timeout=PATIENCE_S) as client:
        for each in running:
            for record, probability in zip(records[:CHECKED], ours, strict=False):
                if calibration.probability(each.score(client, record)) != probability:
                    raise AssertionError(f"{each.peer.name} does not answer what the predictor answers")


@contextmanager
def _started(peer: Peer, records: Sequence[Record], folder: Path) -> Iterator[RunningPeer]:
    bodies, log = folder / f"{peer.name}.jsonl", folder / f"{peer.name}.log"
    bodies.write_text("".join(json.dumps(peer.body(record)) + "\n" for record in records))
    port, programs = free_port(), _programs(peer.environment)
    program, *arguments = (word.format(port=port) for word in peer.command)
    environment = ENVIRONMENT | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "MLSERVER_HTTP_PORT": str(port),
        "MLSERVER_GRPC_PORT": str(free_port()),
        "MLSERVER_METRICS_PORT": str(free_port()),
    }
    with serving([programs / program, *arguments], folder=folder, log=log, environment=environment) as server:
        url = f"http://127.0.0.1:{port}{peer.path}"
        yield RunningPeer(peer, System(peer.name, peer.title, url, server, bodies=bodies, goals=peer.goals), log)


def _programs(environment: str) -> Path:
    return ROOT / ".local" / "peers" / environment / "bin"


def _wait_for(running: RunningPeer, client: httpx.Client, record: Record) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            running.score(client, record)
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            if time.monotonic() > deadline or running.system.server.ended():
                end = running.log.read_text()[-3000:]
                raise AssertionError(f"{running.peer.name} does not answer ({error}); its log ends: {end}") from error
            time.sleep(0.2)
        else:
            return
