"""Run the services as containers, as strictly as Docker can be asked, by the client that `make images-test` names."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

IMAGES: Mapping[str, str] = {
    "batch-producer": "services/batch_producer",
    "ingestor": "services/ingestor",
    "trainer": "services/trainer",
    "predictor": "services/predictor",
    "migrations": "migrations",
    "cli": "packages/cli",
    "mlflow": "local/mlflow",
    "loadtest": "loadtests",
}
GOAL_MB: Mapping[str, int] = {"batch-producer": 250, "ingestor": 250, "trainer": 600, "predictor": 150}
STRICT = (
    "--network=host",
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--tmpfs=/tmp",
    "--pids-limit=256",
)
SECRETS = "/run/secrets"
SECRET = ("PASSWORD", "SECRET_KEY", "SECRET_ACCESS_KEY")


def docker(*arguments: str, timeout_s: float = 120) -> "subprocess.CompletedProcess[str]":
    """Run the Docker client."""
    command = [os.environ["READMIT_DOCKER"], *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


def answered(*arguments: str, timeout_s: float = 120) -> str:
    """Give what a command of Docker prints; fails when it fails."""
    done = docker(*arguments, timeout_s=timeout_s)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


def tag(image: str) -> str:
    """Give an image's full name."""
    return f"readmit/{image}:{'3.17.2' if image == 'mlflow' else '0.1.0'}"


def inspected(image: str) -> dict[str, Any]:
    """Give what Docker knows of an image."""
    found: list[dict[str, Any]] = json.loads(answered("image", "inspect", image))
    return found[0]


def own_mb(image: str) -> float:
    """Give the size of an image's layers on top of its base, in millions of bytes."""
    told = answered("history", "--no-trunc", "--human=false", "--format={{.Size}} {{.CreatedBy}}", tag(image))
    # The newest comes first; what our Dockerfiles set before all else is where the base ends.
    ours, begun, _ = told.partition("PATH=/opt/venv/bin")
    assert begun, f"{told} has no layer that begins what is ours"
    return sum(int(line.split()[0]) for line in ours.splitlines()) / 1e6


@dataclass(frozen=True)
class Container:
    """One that runs, or has run."""

    name: str
    port: int
    started: float = field(default_factory=time.monotonic)

    def health(self, what: str = "ready") -> httpx.Response | None:
        """Ask for its health; None while nothing answers."""
        return self.asked(f"/health/{what}")

    def asked(self, path: str) -> httpx.Response | None:
        """Ask it for anything; None while nothing answers."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=5, trust_env=False)
        except httpx.HTTPError:
            return None

    def checks(self) -> dict[str, str]:
        """Give what its readiness says of each thing that it needs; empty while nothing answers."""
        answer = self.health()
        return {} if answer is None else answer.json()["checks"]

    def ready(self) -> bool:
        """Say whether it calls itself ready."""
        answer = self.health()
        return answer is not None and answer.is_success

    def log(self) -> list[dict[str, Any]]:
        """Give the lines it logged; what is not JSON is a fault, and comes as the event `not JSON`."""
        done = docker("logs", self.name)
        return [_event(line) for line in (done.stdout + done.stderr).splitlines()]

    def state(self) -> dict[str, Any]:
        """Give what Docker says of it: Running, ExitCode, RestartCount is not in it."""
        found: dict[str, Any] = json.loads(answered("inspect", "--format", "{{json .State}}", self.name))
        return found

    def stop(self, *, grace_s: int) -> tuple[int, float]:
        """Ask it by SIGTERM to end, kill it after the grace; give its exit code and the seconds it took."""
        begun = time.monotonic()
        answered("stop", "--time", str(grace_s), self.name)
        return int(self.state()["ExitCode"]), time.monotonic() - begun

    def start_again(self) -> "Container":
        """Start it with what is in its volumes."""
        again = Container(self.name, self.port)
        answered("start", self.name)
        return again


def _event(line: str) -> dict[str, Any]:
    try:
        event: dict[str, Any] = json.loads(line)
    except ValueError:
        return {"event": "not JSON", "line": line}
    return event


@contextmanager
def container(
    image: str,
    name: str,
    environment: Mapping[str, str],
    folder: Path,
    *,
    volumes: Sequence[str] = (),
    port: int = 0,
    command: Sequence[str] = (),
) -> Iterator[Container]:
    """Run an image; afterwards it is gone, with its volumes. What is secret comes to it by files alone."""
    secret = {key: value for key, value in environment.items() if key.endswith(SECRET)}
    secrets = folder / f"{name}-{len(list(folder.iterdir()))}"
    secrets.mkdir()
    for key, value in secret.items():
        (secrets / key).write_text(value + "\n")
    plain = {key: value for key, value in environment.items() if key not in secret} | {"READMIT_SECRETS": SECRETS}
    settings = folder / f"{name}.env"
    settings.write_text("".join(f"{key}={value}\n" for key, value in plain.items()))
    own = [f"{name}-{volume.strip('/')}:{volume}" for volume in volumes if ":" not in volume]
    given = [volume for volume in volumes if ":" in volume]
    mounts = [f"--volume={volume}" for volume in (*own, *given, f"{secrets}:{SECRETS}:ro")]
    options = ["--detach", f"--name={name}", f"--env-file={settings}", *STRICT, *mounts]
    docker("rm", "--force", "--volumes", name)
    try:
        answered("run", *options, tag(image), *command)
        yield Container(name, port)
    finally:
        docker("rm", "--force", name)
        for volume in own:
            docker("volume", "rm", volume.partition(":")[0])
