"""Start a stack for a run: real programs on free ports, a champion trained on the dataset, replicas that serve it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from readmit_cli.stack.programs import INFRASTRUCTURE, SERVICES
from readmit_cli.stack.stack import Stack
from support.predictor_process import free_port
from support.running_stack import RunningStack, wait_for
from support.stack import temporary_stack

READY_S = 60.0
STOP_S = 30.0


@dataclass
class Replica:
    """A predictor that is started, killed and started again; what it keeps is in a folder of its own."""

    name: str
    program: Sequence[str]
    environment: dict[str, str]
    url: str
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        with self.log.open("ab") as log:
            # A session of its own, as it would be a container of its own: Linux shares the cores out to sessions.
            self.process = subprocess.Popen(
                self.program, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        wait_for(self._ready, f"{self.name} is ready", timeout_s=READY_S)

    def kill(self) -> None:
        """End it by SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Ask it to end, and wait for it."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(STOP_S)

    def _ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended: {self.log.read_text()[-3000:]}")
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=5, trust_env=False).is_success
        except httpx.TransportError:
            return False


class LoadedStack(RunningStack):
    """A stack whose predictors are started one by one."""

    def __init__(self, stack: Stack, replicas: Sequence[Replica]) -> None:
        super().__init__(stack)
        self.replicas = replicas

    @property
    def urls(self) -> list[str]:
        """Where the predictors are."""
        return [replica.url for replica in self.replicas]

    def champion(self) -> dict[str, Any]:
        """Give the champion, as the database has it."""
        return dict(self.json("models", "show", "champion"))


@contextmanager
def loaded_stack(replicas: int, *, module: Sequence[str] = ("-m", "predictor")) -> Iterator[LoadedStack]:
    """Give a stack whose replicas all serve a champion; `module` is what Python runs as a predictor."""
    with temporary_stack() as stack, ExitStack() as cleanup:
        _say("a stack is started")
        stack.up([*INFRASTRUCTURE, *(name for name in SERVICES if name != "predictor")])
        running = LoadedStack(stack, [_replica(stack, number, module) for number in range(replicas)])
        _say("a batch is ingested and a model trained")
        running.readmit("ingest", "start", "--train", "next:1", "--validation", "all", "--test", "all")
        wait_for(lambda: running.finds("models", "show", "champion"), "there is a champion", timeout_s=240)
        for replica in running.replicas:
            cleanup.callback(replica.stop)
            replica.start()
        running.readmit("models", "converge")
        _say(f"{replicas} predictors serve it at {', '.join(running.urls)}")
        yield running


def _replica(stack: Stack, number: int, module: Sequence[str]) -> Replica:
    name, port = f"loadtest-{number}", free_port()
    folder = stack.state.root / "replicas" / name
    folder.mkdir(parents=True)
    own = {
        "HTTP__PORT": str(port),
        "REPLICA": name,
        "LOAD__CACHE": str(folder / "models"),
        "KEYS__FILE": str(folder / "keys.json"),
    }
    settings = {f"READMIT_PREDICTOR_{key}": value for key, value in own.items()}
    environment = os.environ | stack.environment("predictor") | settings
    return Replica(name, [sys.executable, *module], environment, f"http://127.0.0.1:{port}", folder / "log")


def _say(what: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {what}", flush=True)
