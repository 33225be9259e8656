"""Have Docker Compose read a compose file; its program comes with Airflow's environment."""

import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from readmit_cli.stack.checkout import Checkout

DOCKER_COMPOSE = Checkout.find().airflow.with_name("docker-compose")

requires_compose = pytest.mark.skipif(
    not DOCKER_COMPOSE.is_file(),
    reason=f"no {DOCKER_COMPOSE}: Airflow is left out, or its lock has none for {platform.machine()}",
)


def composed(
    file: Path, env_file: Path, *options: str, profiles: Sequence[str] = ()
) -> "subprocess.CompletedProcess[str]":
    """Read the file with these variables and no others."""
    chosen = [option for profile in profiles for option in ("--profile", profile)]
    command = [str(DOCKER_COMPOSE), "--env-file", str(env_file), "--file", str(file), *chosen, "config", *options]
    return subprocess.run(command, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)
