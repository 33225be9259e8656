"""What a pod's environment says has to be what its program reads."""

import os
import re
from collections.abc import Iterator
from unittest.mock import patch

from batch_producer.settings import BatchProducerSettings
from ingestor.settings import IngestorSettings
from predictor.settings import PredictorSettings
from pydantic import ValidationError
from readmit_cli.connection_settings import CliSettings
from readmit_cli.lag_exporter.settings import LagExporterSettings
from readmit_runtime.settings import ServiceSettings, SettingsInvalid, load
from readmit_runtime.settings_table import settings_table
from support.k8s.manifests import Document, Manifests, containers, label, name_of, pod_of
from support.k8s.pods import slept_s
from trainer.settings import TrainerSettings

SETTINGS: dict[str, type[ServiceSettings]] = {
    "batch-producer": BatchProducerSettings,
    "ingestor": IngestorSettings,
    "trainer": TrainerSettings,
    "predictor": PredictorSettings,
    "lag-exporter": LagExporterSettings,
}
BY_COMMAND = ("topics", "cli")
"""What runs the `readmit` command, which has settings of its own."""
AWS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "MLFLOW_S3_ENDPOINT_URL"}
LIBPQ = {"PGPASSWORD", "PGSSLMODE", "PGSSLROOTCERT"}
OTHERS: dict[str, re.Pattern[str]] = {
    "migrations": re.compile("|".join({"READMIT_MIGRATIONS_URL", *LIBPQ})),
    "mlflow": re.compile("|".join({*AWS, *LIBPQ}) + "|DO_NOT_TRACK|MLFLOW_(BACKEND_STORE_URI|DEFAULT_ARTIFACT_ROOT|"
                         "SERVER_ALLOWED_HOSTS|SERVER_ENABLE_JOB_EXECUTION|DISABLE_TELEMETRY)"),
    "kafka": re.compile("CLUSTER_ID|EXTRA_ARGS|KAFKA_[A-Z_]+"),
    "kafka-ui": re.compile("KAFKA_CLUSTERS_0_(NAME|BOOTSTRAPSERVERS|READONLY)|JAVA_OPTS"),
    "postgres": re.compile("PGDATA|POSTGRES_(PASSWORD|INITDB_ARGS)|[A-Z_]+_PASSWORD"),
    "postgres-exporter": re.compile("DATA_SOURCE_(URI|USER|PASS)|PG_EXPORTER_EXTEND_QUERY_PATH"),
    "minio": re.compile("MINIO_(ROOT_USER|ROOT_PASSWORD|UPDATE|BROWSER|PROMETHEUS_AUTH_TYPE)"),
    "buckets": re.compile("MC_CONFIG_DIR|[A-Z]+_(ACCESS|SECRET)_KEY"),
    "grafana": re.compile("READMIT_(PROMETHEUS_URL|DASHBOARDS)|GF_[A-Z_]+"),
    "loadtest": re.compile("LOCUST_HOST|READMIT_ACCESS_KEY"),
    "loadtest-workers": re.compile("LOCUST_HOST|READMIT_ACCESS_KEY"),
}  # fmt: skip
"""What programs read beside the settings of ours; a pod without an entry here may have its settings alone."""
ADDRESS = re.compile(r"(?:[a-z0-9+]+://)?(?:[a-z_]+@)?(?P<host>[a-z][a-z0-9.-]*):(?P<port>[0-9]+)(?:/[a-z]*)?")
POD = re.compile(r"http://(?P<of>[a-z-]+)-(?P<number>[0-9]+)\.(?P<service>[a-z-]+):(?P<port>[0-9]+)")
DATABASE_HOSTS = ("POSTGRES__HOST", "READER__HOST", "AUDITOR__HOST")
GUARD_S = 2
"""What a service takes at most after its shutdown budget, before it ends by force."""


def variables(manifests: Manifests, workload: Document) -> dict[str, str]:
    """Give the environment of a workload's first container; what comes from a Secret has a value made up."""
    container = containers(workload)[0]
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        found |= manifests.one("ConfigMap", source["configMapRef"]["name"]).get("data", {})
    return found | {each["name"]: each.get("value", "from-a-secret") for each in container.get("env", [])}


def environment(manifests: Manifests) -> Iterator[str]:
    """Every variable is read by somebody, and the service starts with them."""
    for workload in manifests.workloads():
        name, found = name_of(workload), variables(manifests, workload)
        settings = SETTINGS.get(name)
        table = settings_table(settings or CliSettings) if settings or name in BY_COMMAND else ""
        known = set(re.findall(r"^\| `([A-Z_0-9]+)`", table, re.M))
        allowed = OTHERS.get(name, re.compile("$^"))
        for variable in found:
            if variable not in known and not allowed.fullmatch(variable):
                yield f"{label(workload)}: nobody reads {variable}"
        if settings is not None:
            with patch.dict(os.environ, found, clear=True):
                try:
                    load(settings)
                except SettingsInvalid as error:
                    yield f"{label(workload)}: {error}"
        if name in BY_COMMAND:
            with patch.dict(os.environ, found, clear=True):
                try:
                    CliSettings()
                except ValidationError as error:
                    yield f"{label(workload)}: {error}"


def agreement(manifests: Manifests) -> Iterator[str]:
    """The port that a service listens on is the one that its container opens; it has the time that it takes to stop."""
    for workload in manifests.workloads():
        settings = SETTINGS.get(name_of(workload))
        read = None if settings is None else _read(settings, variables(manifests, workload))
        if read is None:
            continue
        listens = read.http  # type: ignore[attr-defined] # each of them has it
        opened = [port["containerPort"] for port in containers(workload)[0]["ports"]]
        if opened != [listens.port] or listens.host != "0.0.0.0":  # noqa: S104 - a pod is reached from outside it
            yield f"{label(workload)}: listens on {listens.host}:{listens.port}, its container opens {opened}"
        grace = pod_of(workload)["spec"].get("terminationGracePeriodSeconds", 30)
        if grace <= slept_s(workload) + read.shutdown_s + GUARD_S:
            yield f"{label(workload)}: is killed after {grace} s, before it has stopped by itself"


def _read(settings: type[ServiceSettings], found: dict[str, str]) -> ServiceSettings | None:
    with patch.dict(os.environ, found, clear=True):
        try:
            return load(settings)
        except SettingsInvalid:  # the check above names it
            return None


def places(manifests: Manifests) -> Iterator[str]:
    """A path in the environment lies in a volume, an address leads to a Service and its port, or out of the cluster."""
    services = {name_of(each): {port["port"] for port in each["spec"]["ports"]} for each in manifests.of("Service")}
    services |= {f"{name_of(each)}-kafka-bootstrap": {9092} for each in manifests.of("Kafka")}
    services |= {f"{name_of(each)}-rw": {5432} for each in manifests.of("Cluster")}
    services |= {name_of(each): {5432} for each in manifests.of("Pooler")}
    for workload in manifests.workloads():
        mounts = [mount["mountPath"] for mount in containers(workload)[0].get("volumeMounts", [])]
        for variable, value in variables(manifests, workload).items():
            if value.startswith("/") and not any(value == at or value.startswith(f"{at}/") for at in mounts):
                yield f"{label(workload)}: {variable} is {value}, which lies in no volume"
            # No standby (`-ro`): it may lag behind, and it takes no part in the locks that the audit holds.
            if variable.endswith(DATABASE_HOSTS) and value not in services:
                yield f"{label(workload)}: {variable} is {value}, and no Service answers there"
            if not variable.startswith(("READMIT_", "MLFLOW_")):
                continue
            address = ADDRESS.fullmatch(value)
            port = int(address["port"] or 5432) if address else 0
            if address and "." not in address["host"] and port not in services.get(address["host"], ()):
                yield f"{label(workload)}: {variable} is {value}, and no Service answers there"


def pods_by_name(manifests: Manifests) -> Iterator[str]:
    """Whom the load test asks is a pod of a StatefulSet that is there whatever the autoscaler does."""
    for workload in manifests.workloads():
        asked = variables(manifests, workload).get("LOCUST_HOST")
        for url in asked.split(",") if asked else ():
            if not any(_has(each, url, manifests) for each in manifests.of("StatefulSet")):
                yield f"{label(workload)}: asks {url}, and no pod is always there"


def _has(stateful: Document, url: str, manifests: Manifests) -> bool:
    scalers = [each["spec"] for each in manifests.of("HorizontalPodAutoscaler")]
    least = [each["minReplicas"] for each in scalers if each["scaleTargetRef"]["name"] == name_of(stateful)]
    numbers = range(least[0] if least else stateful["spec"].get("replicas", 1))
    opened = [port["containerPort"] for port in containers(stateful)[0]["ports"]]
    pod = POD.fullmatch(url)
    return pod is not None and (
        (pod["of"], pod["service"]) == (name_of(stateful), stateful["spec"]["serviceName"])
        and int(pod["number"]) in numbers
        and int(pod["port"]) in opened
    )


def ways(manifests: Manifests) -> Iterator[str]:
    """The command in a pod knows its way to all that it looks at; a key is a person's, and MLflow's page a link."""
    found = variables(manifests, manifests.one("Job", "cli"))
    for way in sorted(CliSettings.model_fields.keys() - {"predictor_key", "mlflow"}):
        if not any(variable.startswith(f"READMIT_CLI_{way.upper()}") for variable in found):
            yield f"Job/cli: is not told the way to {way}"


CHECKS = (environment, agreement, places, pods_by_name, ways)
