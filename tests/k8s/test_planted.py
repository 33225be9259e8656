"""Mistakes planted in the rendered files are found, each by name."""

from collections.abc import Callable
from typing import Any

import pytest
from support.k8s.checks import faults
from support.k8s.manifests import Manifests, containers, pod_of
from support.k8s.schemas import folder, schema_faults

Plant = Callable[[Manifests], object]


def _first(manifests: Manifests, kind: str, name: str) -> dict[str, Any]:
    return containers(manifests.one(kind, name))[0]


def _config(manifests: Manifests, beginning: str) -> dict[str, str]:
    data: dict[str, str] = next(
        each["data"] for each in manifests.of("ConfigMap") if each["metadata"]["name"].startswith(beginning)
    )
    return data


def _misspell(manifests: Manifests) -> None:
    config = _config(manifests, "ingestor")
    config["READMIT_INGESTOR_KAFKA__BOOTSTRAP_SERVER"] = config.pop("READMIT_INGESTOR_KAFKA__BOOTSTRAP_SERVERS")


def _rename_metric(manifests: Manifests) -> None:
    rule = next(
        rule for group in manifests.one("PrometheusRule", "readmit")["spec"]["groups"] for rule in group["rules"]
    )
    rule["expr"] += " or readmit_ingestor_rows_stored_total > 0"


def _drop(manifests: Manifests, kind: str, name: str) -> None:
    manifests.documents.remove(manifests.one(kind, name))


MISTAKES: dict[str, tuple[str, Plant, str]] = {
    "a misspelt key": ("local", _misspell, "nobody reads READMIT_INGESTOR_KAFKA__BOOTSTRAP_SERVER"),
    "a misspelt top key": (
        "local",
        lambda m: _config(m, "trainer").update(READMIT_TRAINER_SHUTDOWNS="5"),
        "nobody reads READMIT_TRAINER_SHUTDOWNS",
    ),
    "a value out of bounds": (
        "local",
        lambda m: _config(m, "predictor").update(READMIT_PREDICTOR_LIMITS__REQUESTS="0"),
        "READMIT_PREDICTOR_LIMITS__REQUESTS: Input should be greater than or equal to 1",
    ),
    "a port that no container opens": (
        "local",
        lambda m: m.one("Service", "predictor")["spec"]["ports"][0].update(targetPort=8081),
        "Service/predictor: StatefulSet/predictor does not open 8081",
    ),
    "a port that the service does not listen on": (
        "local",
        lambda m: _config(m, "predictor").update(READMIT_PREDICTOR_HTTP__PORT="8090"),
        "StatefulSet/predictor: listens on 0.0.0.0:8090, its container opens [8080]",
    ),
    "a missing topic": (
        "production",
        lambda m: _drop(m, "KafkaTopic", "readmit.predictions.v1.dlq"),
        "KafkaTopic/readmit.predictions.v1.dlq: is missing",
    ),
    "more replicas than partitions": (
        "production",
        lambda m: m.one("ScaledObject", "ingestor")["spec"].update(maxReplicaCount=13),
        "ScaledObject/ingestor: 13 replicas for the 12 of readmit.batches.train.v1",
    ),
    "more replicas than partitions on a laptop": (
        "local",
        lambda m: m.one("Deployment", "ingestor")["spec"].update(replicas=7),
        "Deployment/ingestor: 7 replicas for at most 6 partitions",
    ),
    "a missing edge": (
        "local",
        lambda m: _drop(m, "NetworkPolicy", "mlflow-clients"),
        "NetworkPolicy: trainer may not reach mlflow:5000",
    ),
    "an edge too many": (
        "local",
        lambda m: pod_of(m.one("StatefulSet", "predictor"))["metadata"]["labels"].update(
            {"readmit/postgres": "client"}
        ),
        "NetworkPolicy: predictor may reach postgres:5432",
    ),
    "an open network": (
        "production",
        lambda m: _drop(m, "NetworkPolicy", "default-deny"),
        "NetworkPolicy: nothing denies what no policy allows",
    ),
    "a privileged container": (
        "local",
        lambda m: _first(m, "Deployment", "trainer")["securityContext"].update(privileged=True),
        "Deployment/trainer: trainer is privileged, or may become it",
    ),
    "the tag latest": (
        "local",
        lambda m: _first(m, "Deployment", "grafana").update(image="grafana/grafana:latest"),
        "Deployment/grafana: grafana/grafana:latest has no fixed tag",
    ),
    "a tag in production": (
        "production",
        lambda m: _first(m, "Job", "migrations").update(image="registry.example.org/readmit/migrations:0.1.0"),
        "Job/migrations: registry.example.org/readmit/migrations:0.1.0 has no digest",
    ),
    "a database that can't archive": (
        "production",
        lambda m: m.one("Cluster", "postgres")["spec"].update(imageName="ghcr.io/cloudnative-pg/postgresql:17.6"),
        "Cluster/postgres: ghcr.io/cloudnative-pg/postgresql:17.6 has no digest, or no Barman to archive with",
    ),
    "a missing probe": (
        "production",
        lambda m: _first(m, "StatefulSet", "predictor").pop("readinessProbe"),
        "StatefulSet/predictor: no readinessProbe",
    ),
    "a pod that leaves before its callers know": (
        "production",
        lambda m: _first(m, "StatefulSet", "predictor").pop("lifecycle"),
        "StatefulSet/predictor: closes its port while callers are still sent to it",
    ),
    "a grace that ends too early": (
        "production",
        lambda m: pod_of(m.one("StatefulSet", "predictor"))["spec"].update(terminationGracePeriodSeconds=26),
        "StatefulSet/predictor: is killed after 26 s, before it has stopped by itself",
    ),
    "a wrong metric in a rule": (
        "production",
        _rename_metric,
        "PrometheusRule/readmit: nobody tells readmit_ingestor_rows_stored_total",
    ),
    "a secret that nobody makes": (
        "production",
        lambda m: _drop(m, "ExternalSecret", "s3-trainer"),
        "Deployment/trainer: no secret s3-trainer",
    ),
    "another one's login": (
        "production",
        lambda m: _config(m, "ingestor").update(READMIT_INGESTOR_KAFKA__SASL_USERNAME="trainer"),
        "Deployment/ingestor: logs in to Kafka as trainer with ['kafka-ingestor']",
    ),
    "a standby that may lag": (
        "production",
        lambda m: _config(m, "cli").update(READMIT_CLI_AUDITOR__HOST="postgres-ro"),
        "Job/cli: READMIT_CLI_AUDITOR__HOST is postgres-ro, and no Service answers there",
    ),
    "a topic that its asker may not see": (
        "production",
        lambda m: m.one("KafkaUser", "airflow")["spec"]["authorization"].update(acls=[]),
        "KafkaUser/airflow: may not Describe the topic readmit.access.keys.v1",
    ),
    "an exporter that is asked elsewhere than it listens": (
        "local",
        lambda m: _config(m, "prometheus").update(
            {"prometheus.yml": _config(m, "prometheus")["prometheus.yml"].replace("minio", "minoi")}
        ),
        "s3 can't be asked at minoi:9000",
    ),
    "pods that are not asked while they are not ready": (
        "local",
        lambda m: m.one("Service", "lag-exporter")["spec"].pop("publishNotReadyAddresses"),
        "Service/lag-exporter: leads to one pod for all, or to none that is not ready",
    ),
    "brokers that nobody may ask": (
        "production",
        lambda m: _drop(m, "NetworkPolicy", "kafka-metrics"),
        "NetworkPolicy: monitoring/ may not reach kafka:9404",
    ),
    "brokers that are told to tell what stands nowhere": (
        "production",
        lambda m: _config(m, "exporters").pop("kafka.yml"),
        "Kafka: no configMap exporters with kafka.yml",
    ),
    "a monitor of brokers that tell nothing": (
        "production",
        lambda m: m.one("PodMonitor", "kafka")["spec"]["podMetricsEndpoints"][0].update(port="http"),
        "PodMonitor/kafka: KafkaNodePool/brokers has no such port",
    ),
    "a quorum on one node": (
        "production",
        lambda m: m.one("KafkaNodePool", "controllers")["spec"]["template"]["pod"]["topologySpreadConstraints"].pop(0),
        "KafkaNodePool/controllers: may all lie in one node",
    ),
    "instances of Postgres that may share a node": (
        "production",
        lambda m: m.one("Cluster", "postgres")["spec"]["affinity"].update(podAntiAffinityType="preferred"),
        "Cluster/postgres: may all lie in one node",
    ),
    "controllers that nobody asks": (
        "production",
        lambda m: m.one("KafkaNodePool", "controllers")["spec"]["template"]["pod"]["metadata"]["labels"].clear(),
        "KafkaNodePool/controllers: tells metrics, and no PodMonitor asks it",
    ),
    "a quantity of no unit that exists": (
        "local",
        lambda m: _first(m, "Deployment", "ingestor")["resources"]["requests"].update(cpu="250mm"),
        "containers[0].resources.requests.cpu is '250mm', which is no quantity",
    ),
    "a command that can't see the alerts": (
        "production",
        lambda m: _config(m, "cli").pop("READMIT_CLI_PROMETHEUS"),
        "Job/cli: is not told the way to prometheus",
    ),
    "a replica that the autoscaler may take away": (
        "loadtest",
        lambda m: _config(m, "loadtest").update(LOCUST_HOST="http://predictor-2.predictor-pods:8080"),
        "Job/loadtest-workers: asks http://predictor-2.predictor-pods:8080, and no pod is always there",
    ),
    "workers that can't reach their master": (
        "loadtest",
        lambda m: _drop(m, "NetworkPolicy", "loadtest-master"),
        "NetworkPolicy: loadtest-workers may not reach loadtest:5557",
    ),
    "a bucket's server that is not there": (
        "local",
        lambda m: _config(m, "predictor").update(READMIT_PREDICTOR_OBJECT_STORE__ENDPOINT="minoi:9000"),
        "StatefulSet/predictor: READMIT_PREDICTOR_OBJECT_STORE__ENDPOINT is minoi:9000, and no Service answers there",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_found(own_copy: Callable[[str], Manifests], mistake: str) -> None:
    """A check that finds nothing here would find nothing elsewhere either."""
    overlay, plant, found = MISTAKES[mistake]
    manifests = own_copy(overlay)
    plant(manifests)
    assert any(found in fault for fault in faults(manifests)), faults(manifests)


def test_an_unknown_field_of_a_topic_is_found(own_copy: Callable[[str], Manifests]) -> None:
    """The operator would refuse the whole topic."""
    if not folder().is_dir():
        pytest.skip(f"no schemas at {folder()}")
    manifests = own_copy("production")
    manifests.one("KafkaTopic", "readmit.predictions.v1")["spec"]["partitons"] = 12
    (fault,) = schema_faults(manifests)
    assert "partitons" in fault
