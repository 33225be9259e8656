"""Tests of the compose file of the whole system, as Docker Compose itself reads it."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from batch_producer.settings import BatchProducerSettings
from ingestor.settings import IngestorSettings
from predictor.settings import PredictorSettings
from readmit_cli.connection_settings import CliSettings
from readmit_cli.lag_exporter.settings import LagExporterSettings
from readmit_cli.stack import buckets
from readmit_cli.stack.credentials import DATABASE_LOGINS, MLFLOW_LOGIN, MONITOR_LOGIN
from readmit_runtime.settings import NESTED_DELIMITER, group_of
from support.compose import composed, requires_compose
from support.containers import IMAGES
from support.generated_text import ROOT
from trainer.settings import TrainerSettings
from yaml import safe_load

COMPOSE_FILE = ROOT / "compose.yaml"
EXAMPLE = ROOT / ".env.example"
LOCAL = ROOT / "local" / "compose"
KAFKA_DOCKERFILE = ROOT / "local" / "kafka" / "Dockerfile"
SETTINGS = {
    "batch-producer": BatchProducerSettings,
    "ingestor": IngestorSettings,
    "trainer": TrainerSettings,
    "predictor": PredictorSettings,
    "lag-exporter": LagExporterSettings,
    "readmit": CliSettings,
}
ONCE = {"migrations", "topics", "buckets"}
TOOLS = {"readmit", "loadtest"}
# No digest of it is known for sure; docs/containers.md says how to find it.
BY_TAG_ALONE = {"ghcr.io/kafbat/kafka-ui:v1.4.2"}

pytestmark = requires_compose


@pytest.fixture(scope="module")
def env_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the example with the dataset filled in."""
    filled = tmp_path_factory.mktemp("compose") / ".env"
    filled.write_text(EXAMPLE.read_text().replace("READMIT_DATASET=", "READMIT_DATASET=/somewhere/diabetic_data.csv"))
    return filled


@pytest.fixture(scope="module")
def rendered(env_file: Path) -> dict[str, Any]:
    """Give what Docker Compose makes of it, the tools included."""
    done = composed(COMPOSE_FILE, env_file, "--format", "json", profiles=["tools"])
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def services(rendered: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Give its services by name."""
    found: dict[str, dict[str, Any]] = rendered["services"]
    return found


def test_the_example_is_complete_once_the_dataset_is_named(env_file: Path) -> None:
    """A newcomer copies it, fills it in, and is done."""
    done = composed(COMPOSE_FILE, env_file, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")


def test_without_the_dataset_it_says_what_to_do() -> None:
    """A mount of nothing would be an empty folder, found an hour later."""
    done = composed(COMPOSE_FILE, EXAMPLE, "--quiet")
    assert done.returncode != 0
    assert "say in .env where the dataset's file is" in done.stderr


def test_images_of_others_are_pinned_by_digest(services: dict[str, dict[str, Any]]) -> None:
    """A tag can be moved to another image, and has been."""
    others = {service["image"] for service in services.values() if "build" not in service}
    others |= set(re.findall(r"^FROM (\S+)", KAFKA_DOCKERFILE.read_text(), re.MULTILINE))
    without = {image for image in others if not re.fullmatch(r"[a-z0-9./-]+:[\w.-]+@sha256:[0-9a-f]{64}", image)}
    assert without == BY_TAG_ALONE
    assert [image for image in without if image.endswith(":latest")] == []


def test_a_laptops_cluster_runs_the_images_of_others_that_compose_runs(services: dict[str, dict[str, Any]]) -> None:
    """What was tried in the one is what runs in the other."""
    files = (ROOT / "k8s" / "components").glob("*/kustomization.yaml")
    entries = [entry for file in files for entry in safe_load(file.read_text()).get("images", [])]
    named = {f"{entry.get('newName', entry['name'])}:{entry['newTag']}": entry.get("digest") for entry in entries}
    others = {image for image in named if not image.startswith("readmit")}
    assert len(others) >= 7
    assert {f"{image}@{named[image]}" if named[image] else image for image in others} <= {
        service["image"] for service in services.values()
    }


def test_kafka_is_of_the_version_that_runs_without_docker(services: dict[str, dict[str, Any]]) -> None:
    """Its agent, too, is of the same file."""
    [version] = re.findall(r"<kafka.version>(.*)</kafka.version>", KAFKA_DOCKERFILE.with_name("pom.xml").read_text())
    assert services["kafka"]["image"] == f"readmit-kafka:{version}"
    assert f"FROM apache/kafka:{version}@" in KAFKA_DOCKERFILE.read_text()


def test_our_images_are_those_that_are_built_here(services: dict[str, dict[str, Any]]) -> None:
    """A name that nobody builds is asked of a registry, where somebody else may have taken it."""
    ours = {
        service["image"].removeprefix("readmit/").partition(":")[0]: service["build"]["dockerfile"]
        for service in services.values()
        if service["image"].startswith("readmit/")
    }
    assert ours == {image: f"{folder}/Dockerfile" for image, folder in IMAGES.items()}


def test_what_lasts_tells_of_its_health_and_starts_again(services: dict[str, dict[str, Any]]) -> None:
    """Up is not the same as at work."""
    lasting = {name: service for name, service in services.items() if name not in ONCE | TOOLS}
    assert [name for name, service in lasting.items() if len(service["healthcheck"]["test"]) < 2] == []
    assert {service["restart"] for service in lasting.values()} == {"unless-stopped"}
    assert {services[name]["restart"] for name in ONCE} == {"no"}


def test_what_a_service_needs_works_before_it_starts(services: dict[str, dict[str, Any]]) -> None:
    """Whatever runs once has to have ended well, whatever lasts to be healthy."""
    conditions = {
        (name, needed): how["condition"] == ("service_completed_successfully" if needed in ONCE else "service_healthy")
        for name, service in services.items()
        for needed, how in service.get("depends_on", {}).items()
    }
    assert [pair for pair, right in conditions.items() if not right] == []
    needs = {name: set(service.get("depends_on", {})) for name, service in services.items()}
    assert needs["batch-producer"] == needs["ingestor"] == {"migrations", "topics"}
    assert needs["trainer"] == {"migrations", "topics", "buckets", "mlflow"}
    assert needs["predictor"] == {"topics", "buckets"}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_service_is_told_what_its_settings_know_and_all_that_they_require(
    services: dict[str, dict[str, Any]], name: str
) -> None:
    """A misspelt variable is no error to Docker."""
    prefix = SETTINGS[name].model_config["env_prefix"]
    told = {key for key in services[name]["environment"] if key.startswith(prefix)}
    told |= {secret["target"] for secret in services[name].get("secrets", [])}
    known, required = _variables(SETTINGS[name])
    assert told - known == set()
    assert required - told == set()


def test_the_command_is_told_the_way_to_all_that_it_looks_at(services: dict[str, dict[str, Any]]) -> None:
    """What it is not told is missing on its screen; the key is a person's."""
    ways = CliSettings.model_fields.keys() - {"predictor_key"}
    told = services["readmit"]["environment"]
    assert {way for way in ways if not any(key.startswith(f"READMIT_CLI_{way.upper()}") for key in told)} == set()


def _variables(settings: Any) -> tuple[set[str], set[str]]:
    known, required = set(), set()
    for name, field in settings.model_fields.items():
        group = group_of(field.annotation)
        members = {name: field} if group is None else group.model_fields
        for member, its in members.items():
            place = name if group is None else f"{name}{NESTED_DELIMITER}{member}"
            variable = f"{settings.model_config['env_prefix']}{place}".upper()
            known.add(variable)
            if its.is_required() and field.is_required():
                required.add(variable)
    return known, required


def test_mlflow_is_started_as_its_image_starts_it(services: dict[str, dict[str, Any]]) -> None:
    """`make images-test` tries the image's own command, and no other."""
    [own] = re.findall(r"^CMD (.*)$", (ROOT / "local" / "mlflow" / "Dockerfile").read_text(), re.MULTILINE)
    assert services["mlflow"]["command"][3:] == json.loads(own)


def test_secrets_come_from_files_and_only_to_who_needs_them(
    rendered: dict[str, Any], services: dict[str, dict[str, Any]]
) -> None:
    """What stands in an environment is shown by `docker inspect` to everybody who may ask Docker."""
    told = [(name, key) for name, service in services.items() for key in service.get("environment", {})]
    secret = re.compile(r"PASSWORD$|SECRET_KEY$|SECRET_ACCESS_KEY$|PASS$")
    assert [pair for pair in told if secret.search(pair[1])] == []
    assert {
        made["file"].startswith(str(ROOT / ".local/compose/secrets/")) for made in rendered["secrets"].values()
    } == {True}
    given = {name: {s["source"] for s in service.get("secrets", [])} for name, service in services.items()}
    assert given["predictor"] == {"s3-predictor"}
    assert given["ingestor"] == {"postgres-ingestor"}
    assert given["batch-producer"] == {"postgres-batch-producer"}
    assert given["trainer"] == {"postgres-trainer", "s3-trainer"}
    assert set().union(*given.values()) == set(rendered["secrets"])


def test_our_containers_can_write_only_where_it_is_meant(services: dict[str, dict[str, Any]]) -> None:
    """Whoever breaks in should find nothing to change."""
    for service in services.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not {"privileged", "network_mode", "pid", "devices", "cap_add"} & set(service)
        assert "docker.sock" not in str(service.get("volumes"))
    ours = {name: service for name, service in services.items() if service["image"].startswith("readmit/")}
    assert [name for name, service in ours.items() if not service["read_only"] or service["tmpfs"] != ["/tmp"]] == []  # noqa: S108 - a mount
    writable = {
        name: [volume["target"] for volume in service.get("volumes", []) if not volume.get("read_only")]
        for name, service in ours.items()
    }
    assert {name: places for name, places in writable.items() if places} == {
        "trainer": ["/scratch"],
        "predictor": ["/state"],
        "loadtest": ["/results"],
    }


@pytest.mark.parametrize("name", ["batch-producer", "ingestor", "trainer", "predictor"])
def test_the_grace_is_longer_than_what_a_service_takes_to_end(services: dict[str, dict[str, Any]], name: str) -> None:
    """Killed in the middle it would lose nothing, and cost the next one a lease."""
    budget_s = SETTINGS[name].model_fields["shutdown_s"].default
    assert services[name]["stop_grace_period"] == "30s"
    assert budget_s < 30


def test_everything_is_published_on_loopback_only(services: dict[str, dict[str, Any]]) -> None:
    """A port without an address is open to the whole network."""
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}
    assert len({port["published"] for port in ports}) == len(ports) >= 8


def test_there_is_one_network_and_airflow_joins_it(rendered: dict[str, Any]) -> None:
    """By it Airflow reaches Kafka and the status views by name."""
    assert {name: network["name"] for name, network in rendered["networks"].items()} == {"default": "readmit"}
    airflow = safe_load((ROOT / "airflow" / "docker-compose.yaml").read_text())
    assert airflow["networks"] == {"default": {"name": "readmit", "external": True}}
    names = set(rendered["services"]) & set(airflow["services"])
    assert names == set()


def test_postgres_gets_every_login_and_the_stores_policies_are_those_of_the_stack_without_docker() -> None:
    """Two ways to run it that allow different things are two systems."""
    script = (LOCAL / "make-databases.sh").read_text()
    made = set(re.findall(r"^login (\w+)", script, re.MULTILINE))
    assert made == {*DATABASE_LOGINS, MLFLOW_LOGIN, MONITOR_LOGIN}
    named = re.search(r"^for user in (.*); do", (LOCAL / "make-buckets.sh").read_text(), re.MULTILINE)[1]
    assert set(named.split()) == set(buckets.RIGHTS)
    for user in buckets.RIGHTS:
        policy = ROOT / "k8s" / "components" / "minio" / f"policy-{user}.json"
        assert json.loads(policy.read_text()) == buckets.policy_of(user)


@pytest.mark.parametrize("script", [LOCAL / "make-buckets.sh", ROOT / "k8s/components/minio/make-buckets.sh"])
def test_the_buckets_script_needs_what_its_image_has(script: Path) -> None:
    """The image has a shell, cat and mc. Whatever else it called would be missed at the second start only."""
    text = re.sub(r"(?m)#.*$", "", script.read_text())
    words = re.findall(r"(?m)(?:^|[|(;]|&&|\|\|)[ \t]*([a-z]+)(?=[ \t])", text)
    assert "mc" in words
    assert set(words) <= {"mc", "cat", "set", "case", "for", "user", "secret"}


def test_prometheus_asks_everything_that_has_metrics(services: dict[str, dict[str, Any]]) -> None:
    """What is not asked is not seen, and its alerts stay silent."""
    asked = safe_load((LOCAL / "prometheus.yml").read_text())["scrape_configs"]
    native = safe_load((ROOT / "local" / "prometheus.yml").read_text())["scrape_configs"]
    by_name = {job["job_name"]: job["dns_sd_configs"][0]["names"] for job in asked if "dns_sd_configs" in job}
    always = {job["job_name"]: job["static_configs"][0]["targets"] for job in asked if job["job_name"] not in by_name}
    jobs = always | by_name
    # a load test finds the local stack's Prometheus alone
    assert {job["job_name"] for job in native} - {"loadtest"} == set(jobs)
    airflow = safe_load((ROOT / "airflow" / "docker-compose.yaml").read_text())["services"]
    assert {target.partition(":")[0] for targets in always.values() for target in targets} <= set(services)
    assert {name for names in by_name.values() for name in names} <= set(airflow)


def test_the_secrets_are_made_once_and_stay(tmp_path: Path) -> None:
    """A second run that made new ones would lock everybody out of the databases."""
    (tmp_path / "local" / "compose").mkdir(parents=True)
    (tmp_path / "compose.yaml").write_text(COMPOSE_FILE.read_text())
    script = tmp_path / "local" / "compose" / "make-secrets.sh"
    script.write_text((LOCAL / "make-secrets.sh").read_text())
    for _ in range(2):
        subprocess.run(["bash", str(script)], check=True, capture_output=True)
        secrets = {path.name: path.read_text() for path in (tmp_path / ".local/compose/secrets").iterdir()}
    assert set(secrets) == set(safe_load(COMPOSE_FILE.read_text())["secrets"])
    assert {len(value) for value in secrets.values()} == {40}
    assert len(set(secrets.values())) == len(secrets)
