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
from support.scraped import exposed, value


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


def test_it_tells_prometheus_of_its_requests_and_refuses_hosts_that_it_does_not_know(mlflow_uri):
    """The second guards whoever looks at its page against other pages; telling must not cost it."""
    httpx.get(f"{mlflow_uri}/api/2.0/mlflow/experiments/get", params={"experiment_id": "0"}).raise_for_status()
    told = httpx.get(f"{mlflow_uri}/metrics").raise_for_status().text
    assert value(told, "mlflow_http_request_total", method="GET", status="200") > 0
    assert exposed(told)["mlflow_http_request_duration_seconds"] == "histogram"
    refused = httpx.get(f"{mlflow_uri}/metrics", headers={"Host": "somebody.example"})
    assert refused.status_code == httpx.codes.FORBIDDEN
