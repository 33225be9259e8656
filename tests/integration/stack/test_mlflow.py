"""Tests of MLflow as the stack starts it."""

import json
import sys
import uuid
from pathlib import Path

import httpx
import psycopg
import pytest
from readmit_cli.stack.credentials import MLFLOW_LOGIN
from readmit_cli.stack.environment import MLFLOW_BUCKET, MLFLOW_DATABASE
from readmit_cli.stack.processes import orphans


def test_artifacts_go_to_the_bucket_and_the_rest_to_the_database(mlflow_uri, stack_infrastructure):
    """A server that silently fell back to files would lose everything with its folder."""
    name = f"experiment-{uuid.uuid4()}"
    made = httpx.post(f"{mlflow_uri}/api/2.0/mlflow/experiments/create", json={"name": name}).raise_for_status()
    found = httpx.get(
        f"{mlflow_uri}/api/2.0/mlflow/experiments/get", params={"experiment_id": made.json()["experiment_id"]}
    )
    assert found.json()["experiment"]["artifact_location"].startswith(f"s3://{MLFLOW_BUCKET}/")
    with psycopg.connect(stack_infrastructure.database(MLFLOW_LOGIN, MLFLOW_DATABASE).url()) as session:
        assert session.execute("SELECT count(*) FROM experiments WHERE name = %s", (name,)).fetchone() == (1,)


@pytest.mark.skipif(sys.platform != "linux", reason="command lines are read from /proc")
def test_no_secret_is_on_a_command_line(mlflow_uri, stack_infrastructure):
    """Every user of the machine can read those."""
    secrets = json.loads(stack_infrastructure.state.credentials.read_text()).values()
    lines = [(Path("/proc") / str(pid) / "cmdline").read_text() for pid in orphans(stack_infrastructure.state.root)]
    assert any("mlflow" in line for line in lines), mlflow_uri
    assert not [line for line in lines if any(secret in line for secret in secrets)]
