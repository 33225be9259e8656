"""Serve the champion by `mlflow models serve` too, as the benchmark of serving does."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from readmit_contracts.predictions import example_encounter
from readmit_runtime.s3_object_store import S3ObjectStore
from readmit_runtime.settings import ObjectStoreSettings
from serving.peer_servers import ENVIRONMENT, MODULES
from serving.processes import serving
from support.predictor_process import free_port
from support.running_stack import wait_for
from trainer.artifacts import load_bundle
from trainer.bundle import save_bundle

from readmit_load import preflight
from readmit_load.local_stack import LoadedStack
from readmit_load.locust_process import ROOT
from readmit_load.patients import frame_body
from readmit_load.preflight import CannotBegin

PROGRAMS = ROOT / ".local" / "peers" / "raw_records" / "bin"
START_S = 120.0


@contextmanager
def mlflow_server(running: LoadedStack, folder: Path) -> Iterator[str]:
    """Give its base URL once it answers; its model is the champion's bundle, read from the stack's S3."""
    if not (PROGRAMS / "mlflow").exists():
        raise AssertionError(f"{PROGRAMS} has no mlflow; `local/install/peers.sh` installs it")
    store = S3ObjectStore(ObjectStoreSettings.model_validate(asdict(running.stack.object_store("predictor"))))
    folder.mkdir()
    save_bundle(folder / "bundle", asyncio.run(load_bundle(store, running.champion()["model"]["model_id"])))
    save = [PROGRAMS / "python", MODULES / "raw_records" / "mlflow_save.py", "bundle", "mlflow"]
    subprocess.run(save, cwd=folder, env=os.environ | ENVIRONMENT, check=True, capture_output=True)
    port = free_port()
    command = [PROGRAMS / "mlflow", "models", "serve", "-m", "mlflow", "--env-manager", "local", "-w", "1"]
    environment = ENVIRONMENT | {"PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
    log = folder / "mlflow.log"
    with serving([*command, "-p", str(port)], folder=folder, log=log, environment=environment):
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: _answers(url), f"mlflow models serve answers (see {log})", timeout_s=START_S)
        yield url


def _answers(url: str) -> bool:
    try:
        preflight.check_mlflow([url], frame_body(example_encounter()))
    except CannotBegin:
        return False
    return True
