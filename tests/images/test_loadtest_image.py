"""The load test from its image: as a cluster runs it, and where there is nobody to ask."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from images.conftest import System
from readmit_cli.stack.ports import Ports
from support.containers import Container, answered, container, docker, inspected, tag
from support.generated_text import ROOT
from support.running_stack import wait_for

JOBS = ROOT / "k8s" / "components" / "loadtest" / "loadtest.yaml"
SMOKE = ("--shape=smoke", "--load-users=50", "--seconds=10")


def _arguments() -> dict[str, list[str]]:
    """Give what the containers of the Jobs are told, by the names of the Jobs."""
    jobs = [each for each in yaml.safe_load_all(JOBS.read_text()) if each["kind"] == "Job"]
    return {job["metadata"]["name"]: job["spec"]["template"]["spec"]["containers"][0]["args"] for job in jobs}


def _metrics(of: Container) -> str:
    page = of.asked("/metrics")
    return "" if page is None else page.text


@pytest.mark.usefixtures("accounted")
def test_the_jobs_of_a_cluster_come_to_a_verdict(system: System, tmp_path: Path) -> None:
    """A misspelt option, or a folder that can't be written, would be found by whoever waits for the figures."""
    told, ports = _arguments(), Ports.free()
    addresses = system.stack.addresses
    environment = {"LOCUST_HOST": addresses.service("predictor"), "READMIT_ACCESS_KEY": addresses.access_key}
    counts = (*told["loadtest"], *SMOKE, f"--metrics-port={ports.trainer}", f"--master-bind-port={ports.ingestor}")
    asks = (*told["loadtest-workers"], "--master-host=127.0.0.1", f"--master-port={ports.ingestor}")
    with ExitStack() as running:

        def started(name: str, command: tuple[str, ...], volumes: tuple[str, ...] = ()) -> Container:
            name = f"readmit-check-{name}"
            options = {"volumes": volumes, "command": command, "port": ports.trainer}
            return running.enter_context(container("loadtest", name, environment, system.folder, **options))

        master = started("loadtest", counts, ("/results",))
        workers = [started(f"loadtest-worker-{number}", asks) for number in range(2)]
        wait_for(lambda: "readmit_loadtest_users{" in _metrics(master), "Prometheus would be told of users")
        exit_code = int(answered("wait", master.name))
        said = docker("logs", master.name)
        assert exit_code == 0, said
        assert said.stdout.strip().splitlines()[-1].startswith("PASS: smoke; ")
        assert [int(answered("wait", worker.name)) for worker in workers] == [0, 0]
        answered("cp", f"{master.name}:/results/run.json", str(tmp_path))
    report = json.loads((tmp_path / "run.json").read_text())
    assert report["window"]["endpoints"]["POST /v1/predict"]["requests"] > 0.7 * 47 * 10
    assert len(report["window"]["generator"]["cpu_shares"]) == 3
    revision = inspected(tag("loadtest"))["Config"]["Labels"]["org.opencontainers.image.revision"]
    assert report["circumstances"]["commit"] == revision


def test_where_nobody_answers_it_ends_before_any_load(tmp_path: Path, free_port: int) -> None:
    """A Job that fails has to say in its log what to do."""
    environment = {"LOCUST_HOST": f"http://127.0.0.1:{free_port}", "READMIT_ACCESS_KEY": "of-nobody"}
    with container("loadtest", "readmit-check-loadtest", environment, tmp_path) as it:
        assert int(answered("wait", it.name)) == 1
        said = docker("logs", it.name)
    assert "CANNOT BEGIN: nobody answers at" in said.stderr
