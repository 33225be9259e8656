"""The images: small, without what a developer or an intruder would like, and the whole system runs from them."""

import json
import re
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
import yaml
from images.conftest import System
from readmit_cli.stack import store
from readmit_cli.stack.credentials import DATABASE_LOGINS, DATABASE_OWNER
from readmit_cli.stack.programs import SERVICES
from support.containers import GOAL_MB, IMAGES, Container, answered, container, docker, inspected, own_mb, tag
from support.generated_text import ROOT
from support.running_stack import wait_for

GRACE_S = 25
TOOLS = ("gcc", "cc", "make", "git", "pip", "curl")


@pytest.mark.parametrize("image", GOAL_MB)
def test_an_image_adds_little_to_its_base(image: str, note) -> None:
    """Every replica on every node pulls it."""
    own = own_mb(image)
    note(image, own=f"{own:.0f}")
    assert own <= GOAL_MB[image]


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_nobody_and_brings_no_tools(image: str, note) -> None:
    """Whoever breaks into a service should find himself nobody, with nothing to build with."""
    config = inspected(tag(image))["Config"]
    assert int(config["User"].partition(":")[0]) > 10_000
    program = [*(config["Entrypoint"] or []), *config["Cmd"]]
    assert program[0] in ("python", "mlflow", "locust")
    assert {f"org.opencontainers.image.{name}" for name in ("title", "version", "revision", "licenses")} <= set(
        config["Labels"]
    )
    script = "".join(f"command -v {tool} >&2 && exit 1; " for tool in TOOLS)
    script += "! python -c 'import pip' 2>/dev/null && ! touch /opt/venv/x 2>/dev/null && cat /opt/venv/sbom.json"
    options = ("--rm", "--network=none", "--read-only", "--entrypoint=sh")
    sbom = json.loads(answered("run", *options, tag(image), "-c", script))
    listed = {re.sub(r"[-_.]+", "-", part["name"].lower()) for part in sbom["components"]}
    # without a marker it is for every platform
    locked = re.findall(
        r"^([a-z0-9-]+)==[^ ;]+ \\$", Path(IMAGES[image], "requirements.lock").read_text(), re.MULTILINE
    )
    assert len(locked) > 5
    assert set(locked) - listed == set()
    note(image, own=f"{own_mb(image):.0f}")


def test_the_accounted_run_passes_with_the_services_in_containers(accounted) -> None:
    """What works only from a checkout does not work."""
    assert accounted["run"]["state"] == "completed"
    assert accounted["run"]["published"] == accounted["run"]["planned_rows"] == 101_766
    assert 0 < accounted["prediction"]["probability"] < 1


@pytest.mark.usefixtures("accounted")
@pytest.mark.parametrize("service", SERVICES)
def test_a_container_ends_well_when_asked_and_is_ready_again(system: System, service: str, note) -> None:
    """A node that is drained sends TERM once, to process 1, and kills what is left after the grace."""
    exit_code, took = system.services[service].stop(grace_s=GRACE_S)
    again = system.services[service].start_again()
    assert exit_code == 0
    assert took < GRACE_S
    wait_for(again.ready, f"{service} is ready")
    note(service, stopped=f"{took:.1f} s", ready=f"{time.monotonic() - again.started:.1f} s")


def _asked(system: System, service: str, case: str, *, without: str = "", **other: str):
    """Run one more container of a service, with something wrong."""
    environment = system.environment(service, **({"HTTP__PORT": "0"} | other))
    environment = {key: value for key, value in environment.items() if not key.endswith(without or "\0")}
    port = int(environment[f"READMIT_{SERVICES[service].upper()}_HTTP__PORT"])
    volumes = system.volumes(service)
    return container(service, f"readmit-check-{case}", environment, system.folder, volumes=volumes, port=port)


def _missing(it: Container) -> list[tuple[str, str]]:
    return [(e["prerequisite"], e["detail"]) for e in it.log() if e["event"] == "prerequisite_missing"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_missing_secret_is_named_in_one_line_and_ends_the_container(system: System, service: str) -> None:
    """Waiting would not bring it; a traceback would hide it."""
    name = "OBJECT_STORE__SECRET_KEY" if service == "predictor" else "POSTGRES__PASSWORD"
    with _asked(system, service, "no-secret", without=name) as it:
        exit_code = int(answered("wait", it.name))
        lines = it.log()
    assert exit_code == 78
    assert [line["event"] for line in lines] == ["settings_invalid"]
    assert f"READMIT_{SERVICES[service].upper()}_{name}" in lines[0]["detail"]


def test_a_wrong_bucket_holds_the_trainer_back_and_is_named(system: System, free_port: int) -> None:
    """It would otherwise fail only with the first model, hours later."""
    with _asked(system, "trainer", "bucket", OBJECT_STORE__BUCKET="no-such-bucket", HTTP__PORT=str(free_port)) as it:
        wait_for(lambda: "no-such-bucket" in it.checks().get("object store", ""), "readiness names the bucket")
        time.sleep(5)
        told = _missing(it)
        assert it.checks()["schema"] == "ok"
        assert it.health("live").is_success
        assert it.stop(grace_s=GRACE_S)[0] == 0
    assert [name for name, _ in told if name == "object store"] == ["object store"]


@pytest.mark.usefixtures("accounted")
def test_a_wrong_bucket_leaves_a_new_predictor_without_a_model_and_says_so(system: System, free_port: int) -> None:
    """Ready would mean to be sent requests that it cannot answer."""
    with _asked(system, "predictor", "bucket", OBJECT_STORE__BUCKET="no-such-bucket", HTTP__PORT=str(free_port)) as it:
        wait_for(lambda: "no-such-bucket" in it.checks().get("model", ""), "readiness names the bucket")
        assert it.checks()["access keys"] == "ok"
        assert it.health("live").is_success
        assert it.stop(grace_s=GRACE_S)[0] == 0


@pytest.mark.parametrize("service", SERVICES)
def test_an_unreachable_kafka_is_named_and_waited_for(system: System, service: str, free_port: int) -> None:
    """Kafka comes back by itself, and so must what waits for it."""
    nowhere = {"KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9", "HTTP__PORT": str(free_port)}
    with _asked(system, service, "kafka", **nowhere) as it:
        name = "model" if service == "predictor" else "kafka"
        wait_for(lambda: it.checks().get(name, "ok") != "ok", "readiness names Kafka")
        wait_for(lambda: [line for line in it.log() if "KafkaConnectionError" in str(line)], "the log names Kafka")
        checks = it.checks()
        assert "Kafka" in checks[name] or name == "kafka"
        assert [key for key in ("postgres", "schema", "object store") if checks.get(key, "ok") != "ok"] == []
        assert it.health("live").is_success
        assert it.stop(grace_s=GRACE_S)[0] == 0


def test_an_older_schema_holds_a_service_back_until_the_migrations_image_was_there(
    system: System, free_port: int
) -> None:
    """In an upgrade the services may come first; what they would do to an older schema is an error a second."""
    superuser = system.stack.addresses.superuser()
    store.ensure_database(superuser, database="older", owner=DATABASE_OWNER, logins=DATABASE_LOGINS)
    owner = system.stack.database(DATABASE_OWNER, "older").url("postgresql+psycopg")
    with _asked(system, "ingestor", "older", POSTGRES__DATABASE="older", HTTP__PORT=str(free_port)) as it:
        wait_for(lambda: "run the migrations" in it.checks().get("schema", ""), "readiness names the schema")
        time.sleep(5)
        told = _missing(it)
        environment = {"READMIT_MIGRATIONS_URL": owner}
        with container("migrations", "readmit-check-migrations", environment, system.folder) as migrations:
            assert int(answered("wait", migrations.name)) == 0, docker("logs", migrations.name)
        wait_for(it.ready, "it goes on by itself")
        assert it.stop(grace_s=GRACE_S)[0] == 0
    assert [name for name, _ in told] == ["schema"]


def test_a_newer_schema_is_said_and_worked_with(system: System, free_port: int) -> None:
    """In an upgrade the old pods serve until the new ones are there, and some of them are started again meanwhile."""
    superuser = system.stack.addresses.superuser()
    store.ensure_database(superuser, database="newer", owner=DATABASE_OWNER, logins=DATABASE_LOGINS)
    system.stack.migrate("newer")
    _alter(system, "newer", "UPDATE public.alembic_version SET version_num = '9999'")
    with _asked(system, "ingestor", "newer", POSTGRES__DATABASE="newer", HTTP__PORT=str(free_port)) as it:
        wait_for(it.ready, "it is ready")
        assert [line["found"] for line in it.log() if line["event"] == "schema_newer"] == ["9999"]
        assert it.stop(grace_s=GRACE_S)[0] == 0


def _alter(system: System, database: str, statement: str) -> None:
    with psycopg.connect(system.stack.database(DATABASE_OWNER, database).url(), autocommit=True) as session:
        session.execute(statement)


@pytest.mark.usefixtures("accounted")
@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("topics", "create", "--size", "local"), "topics are as declared"),
        (("ingest", "verify", "last", "--dataset", "/data/dataset.csv"), "101,766"),
        (("status", "--json"), '"alerts_unreachable": null'),
    ],
    ids=["topics", "verify", "status"],
)
def test_the_command_does_from_its_image_what_it_does_from_a_checkout(
    system: System, command: tuple[str, ...], said: str
) -> None:
    """In a cluster there is no other way to give it."""
    environment = system.command_environment()
    volumes = system.volumes("batch-producer")
    whole = ("readmit", *command)  # as a person types it in the pod of the Job `cli`
    with container("cli", "readmit-check-cli", environment, system.folder, volumes=volumes, command=whole) as it:
        exit_code = int(answered("wait", it.name))
        printed = docker("logs", it.name)
    assert exit_code == 0, printed
    assert said in printed.stdout


def test_the_lag_exporter_runs_from_the_same_image(system: System, free_port: int) -> None:
    """It is what alerts on lag are made of."""
    prefix = "READMIT_LAG_EXPORTER_"
    environment = {f"{prefix}KAFKA__BOOTSTRAP_SERVERS": system.stack.kafka_bootstrap}
    environment |= {f"{prefix}HTTP__HOST": "127.0.0.1", f"{prefix}HTTP__PORT": str(free_port)}
    whole = ("python", "-m", "readmit_cli", "lag-exporter")
    with container("cli", "readmit-check-lag", environment, system.folder, port=free_port, command=whole) as it:
        wait_for(it.ready, "it is ready")
        assert it.stop(grace_s=GRACE_S)[0] == 0


def _mlflow_of(where: str, system: System) -> tuple[dict[str, str], list[str]]:
    """Give MLflow's environment and command in a file of the deployment; Compose's reads what is secret from files."""
    environment = dict(system.stack.addresses.program_environment("mlflow"))
    text = (ROOT / where).read_text()
    environment["MLFLOW_SERVER_ALLOWED_HOSTS"] = re.search(r"MLFLOW_SERVER_ALLOWED_HOSTS[:=] ?(\S+)", text)[1]
    if where != "compose.yaml":
        return environment, inspected(tag("mlflow"))["Config"]["Cmd"]
    address = environment["MLFLOW_BACKEND_STORE_URI"]
    password = urlsplit(address).password
    environment |= {"MLFLOW_BACKEND_STORE_URI": address.replace(f":{password}@", "@"), "PGPASSWORD": password}
    return environment, yaml.safe_load(text)["services"]["mlflow"]["command"]


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("compose.yaml", ("mlflow:5000", "127.0.0.1:15000", "localhost:15000")),
        ("k8s/base/kustomization.yaml", ("mlflow:5000", "127.0.0.1:8888", "localhost:5000")),
        ("k8s/overlays/production/kustomization.yaml", ("mlflow:5000", "127.0.0.1:8888", "mlflow.readmit:5000")),
    ],
    ids=["compose", "kubernetes", "production"],
)
def test_mlflow_runs_from_its_image_and_answers_to_its_names_alone(
    system: System, free_port: int, note, where: str, names: tuple[str, ...]
) -> None:
    """Its drivers are in no image of others; and a name that it does not know is refused before anything is done.

    The last name is Prometheus' in production, the first one everywhere else.
    """
    environment, command = _mlflow_of(where, system)
    here = {"--host=0.0.0.0": "--host=127.0.0.1", "--port=5000": f"--port={free_port}"}
    whole = [here.get(word, word) for word in command]
    with container("mlflow", "readmit-check-mlflow", environment, system.folder, port=free_port, command=whole) as it:
        wait_for(lambda: (answer := it.asked("/health")) and answer.is_success, "MLflow is healthy", timeout_s=120)
        note("mlflow", ready=f"{time.monotonic() - it.started:.1f} s")
        page = f"http://127.0.0.1:{free_port}/api/2.0/mlflow/experiments/search?max_results=1"
        asked = (*names, "elsewhere:5000")
        answers = [httpx.get(page, headers={"host": name}, trust_env=False).status_code for name in asked]
        metrics = f"http://127.0.0.1:{free_port}/metrics"
        told = [httpx.get(metrics, headers={"host": name}, trust_env=False) for name in asked]
    assert answers == [*(200 for _ in names), 403]
    assert [each.status_code for each in told] == answers
    assert "mlflow_http_request_total" in told[0].text
    assert told[0].headers["content-type"].startswith("text/plain; version=")  # without a type Prometheus refuses it
