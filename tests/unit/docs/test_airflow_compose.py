"""Tests of Airflow's compose file, as Docker Compose itself reads it."""

import json
import platform
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from readmit_cli.stack.blueprint import Blueprint
from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.ports import Ports
from readmit_cli.stack.state_directory import StateDirectory
from yaml import safe_load

AIRFLOW = Checkout.find().root / "airflow"
COMPOSE_FILE = AIRFLOW / "docker-compose.yaml"
EXAMPLE = AIRFLOW / ".env.example"
DOCKER_COMPOSE = Checkout.find().airflow.with_name("docker-compose")

# The image sets these, and the stack needs the last to know its own processes.
NOT_IN_COMPOSE = {"PYTHONUNBUFFERED", "AIRFLOW_HOME", "SPT_NOENV"}
# Where things are, and secrets. All else must be equal, or the two ways to run Airflow differ in what they do.
DIFFERENT_VALUES = {
    "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW__API__BASE_URL",
    "AIRFLOW__API__HOST",
    "AIRFLOW__API__PORT",
    "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__CORE__DAGS_FOLDER",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__CORE__PLUGINS_FOLDER",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW__METRICS__STATSD_HOST",
    "AIRFLOW__METRICS__STATSD_PORT",
    "AIRFLOW_CONN_READMIT_MLFLOW",
    "AIRFLOW_CONN_READMIT_STATUS",
}
# No digest of it is known for sure; docs/containers.md says how to find it.
BY_TAG_ALONE = {"prom/statsd-exporter:v0.28.0"}
PROGRAMS = {"api-server", "scheduler", "dag-processor", "triggerer"}


def variables(text: str) -> dict[str, str]:
    """Give what an environment file sets."""
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


SECRETS = sorted(name for name, value in variables(EXAMPLE.read_text()).items() if not value)


def compose(env_file: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Have Docker Compose read the file with these variables and no others."""
    if not DOCKER_COMPOSE.is_file():
        pytest.skip(f"no {DOCKER_COMPOSE}: Airflow is left out, or its lock has none for {platform.machine()}")
    command = [str(DOCKER_COMPOSE), "--env-file", str(env_file), "--file", str(COMPOSE_FILE), "config", *options]
    return subprocess.run(command, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def filled_in(tmp_path_factory) -> Path:
    """Give the example with every secret filled in."""
    env_file = tmp_path_factory.mktemp("compose") / ".env"
    env_file.write_text(re.sub(r"^(\w+)=$", r"\1=secret-of-\1", EXAMPLE.read_text(), flags=re.MULTILINE))
    return env_file


@pytest.fixture(scope="module")
def rendered(filled_in) -> dict[str, Any]:
    """Give what Docker Compose makes of it."""
    done = compose(filled_in, "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def services(rendered) -> dict[str, dict[str, Any]]:
    """Give its services by name."""
    return rendered["services"]


@pytest.fixture
def native(tmp_path) -> dict[str, str]:
    """Give what the stack without Docker tells Airflow."""
    blueprint = Blueprint(Checkout.find(), StateDirectory(tmp_path / "state"), Ports.model_construct())
    return blueprint.program_environment("airflow-scheduler")


def test_the_example_is_complete_once_its_secrets_are_filled_in(filled_in):
    """A newcomer copies it, fills it in, and is done."""
    done = compose(filled_in, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_example_as_it_is_starts_nothing_and_names_every_secret():
    """A default secret would be a known one."""
    done = compose(EXAMPLE, "--quiet")
    assert done.returncode != 0
    assert set(re.findall(r"required variable (\w+) is missing a value: \w+", done.stderr)) == set(SECRETS)
    assert len(SECRETS) >= 7


@pytest.mark.parametrize("name", SECRETS)
def test_a_single_missing_secret_is_named_with_what_to_do(filled_in, tmp_path, name):
    """What is missing has to be said in words that lead on."""
    env_file = tmp_path / ".env"
    env_file.write_text(filled_in.read_text().replace(f"{name}=secret-of-{name}\n", ""))
    done = compose(env_file, "--quiet")
    assert done.returncode != 0
    assert re.search(rf"required variable {name} is missing a value: .*\.env", done.stderr)


def test_the_example_names_what_the_file_reads_and_explains_each():
    """A variable that nobody reads, or nobody explains, is a question."""
    text = EXAMPLE.read_text()
    assert set(variables(text)) == set(re.findall(r"\$\{(\w+)", COMPOSE_FILE.read_text()))
    assert re.findall(r"^(?!#).*\n(\w+)=", text, re.MULTILINE) == []


def test_every_program_tells_of_its_health_and_starts_again(services):
    """A scheduler that stands still looks like one that has nothing to do."""
    lasting = {name: service for name, service in services.items() if name != "init"}
    assert set(lasting) == PROGRAMS | {"metadata-db", "statsd-exporter"}
    assert [name for name, service in lasting.items() if len(service["healthcheck"]["test"]) < 2] == []
    assert {service["restart"] for service in lasting.values()} == {"unless-stopped"}


def test_what_a_program_needs_is_ready_before_it_starts(services):
    """Started at the same moment, the first would find neither tables nor page."""
    needs = {name: {n: c["condition"] for n, c in s.get("depends_on", {}).items()} for name, s in services.items()}
    page = {"api-server": "service_healthy"}
    assert needs == {
        "metadata-db": {},
        "statsd-exporter": {},
        "init": {"metadata-db": "service_healthy", "statsd-exporter": "service_healthy"},
        "api-server": {"init": "service_completed_successfully"},
        "scheduler": page,
        "dag-processor": page,
        "triggerer": page,
    }


def test_only_the_page_is_published_and_on_loopback_only(services):
    """A port without an address is open to the whole network."""
    published = [(name, port["host_ip"]) for name, service in services.items() for port in service.get("ports", [])]
    assert published == [("api-server", "127.0.0.1")]


def test_no_service_is_privileged_or_reaches_docker(services):
    """A task runs whatever a DAG says; with the socket of Docker it would own the machine."""
    for service in services.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not {"privileged", "network_mode", "pid", "devices", "cap_add"} & set(service)
        assert {volume["type"] for volume in service.get("volumes", [])} <= {"volume"}


def test_images_have_a_version_and_those_of_others_a_digest(services):
    """What is tested must be what runs next year; a tag can be moved to another image, and has been."""
    [base] = re.findall(r"^ARG BASE=(\S+)$", (AIRFLOW / "Dockerfile").read_text(), re.MULTILINE)
    images = {base, *(service["image"] for service in services.values())}
    assert [image for image in images if not re.search(r":v?\d+\.\d+", image)] == []
    without = {image for image in images if not re.search(r"@sha256:[0-9a-f]{64}$", image)}
    assert without == {"readmit-airflow:0.1.0", *BY_TAG_ALONE}


def test_the_image_does_not_run_as_root():
    """Whoever breaks out of a task should find himself nobody."""
    users = re.findall(r"^USER (\d+)", (AIRFLOW / "Dockerfile").read_text(), re.MULTILINE)
    assert [int(user) > 10_000 for user in users] == [True]


def test_the_file_has_no_version_and_its_network_a_name(rendered):
    """The first is obsolete and warned of; by the second other containers join."""
    assert not re.search(r"^version:", COMPOSE_FILE.read_text(), re.MULTILINE)
    assert {name: network["name"] for name, network in rendered["networks"].items()} == {"default": "readmit"}


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_airflow_is_told_the_same_with_and_without_docker(services, native, program):
    """Two ways to run it that behave differently are two systems."""
    told = services[program]["environment"]
    assert set(told) == set(native) - NOT_IN_COMPOSE
    different = {name for name in told if not same(name, told[name], native[name])}
    assert different <= DIFFERENT_VALUES


def test_its_database_is_the_postgres_that_the_rest_has(services):
    """Two versions are twice the news of faults to read."""
    others = safe_load((AIRFLOW.parent / "compose.yaml").read_text())["services"]
    assert services["metadata-db"]["image"] == others["postgres"]["image"]


def same(name: str, one: str, other: str) -> bool:
    """Tell whether two values say the same; in the options of a Kafka connection the address does not count."""
    if not name.startswith("AIRFLOW_CONN_READMIT_KAFKA"):
        return one == other
    return options(one) == options(other)


def options(uri: str) -> set[tuple[str, str]]:
    """Give the options of a Kafka connection."""
    return {pair for pair in parse_qsl(urlsplit(uri).query) if pair[0] != "bootstrap.servers"}


def test_metrics_are_sent_where_the_exporter_hears_them_and_chosen_as_without_docker(rendered, services):
    """UDP sent elsewhere is lost without a word."""
    told = services["scheduler"]["environment"]
    place = f"{told['AIRFLOW__METRICS__STATSD_HOST']}:{told['AIRFLOW__METRICS__STATSD_PORT']}"
    assert place == "statsd-exporter:9125"
    exporter = services["statsd-exporter"]
    assert "--statsd.listen-udp=:9125" in exporter["command"]
    [given] = exporter["configs"]
    assert f"--statsd.mapping-config={given['target']}" in exporter["command"]
    mapping = Checkout.find().root / "observability" / "exporters" / "airflow.yml"
    assert Path(rendered["configs"][given["source"]]["file"]) == mapping


def test_no_secret_of_a_user_is_told_to_the_programs(services):
    """A task inherits the environment of its program."""
    for name, service in services.items():
        told = service.get("environment", {})
        passwords = {key for key, value in told.items() if re.search("ADMIN|VIEWER", value)}
        assert passwords == ({"ADMIN_PASSWORD", "VIEWER_PASSWORD"} if name == "init" else set())
