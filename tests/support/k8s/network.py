"""Who may open a connection to whom, as the policies say together, against the edges of the design."""

from collections.abc import Iterator
from typing import Any

import yaml
from support.k8s.manifests import Document, Manifests, label, labels_of, name_of, selects

Edge = tuple[str, str, int | None]
"""From, to, port; None is every port."""

KAFKA, POSTGRES, S3, MLFLOW, METRICS, PROMETHEUS, LOCUST = 9092, 5432, 9000, 5000, 8080, 9090, 5557
OUTSIDE = "outside"
BY_STRIMZI = ("kafka", "controllers")
DATABASE = ("postgres", "pooler")
TOLD_BY = ("batch-producer", "ingestor", "trainer", "predictor", "lag-exporter")

COMMON: set[Edge] = {
    *((name, "kafka", KAFKA) for name in (*TOLD_BY, "cli")),
    *((name, "postgres", POSTGRES) for name in ("batch-producer", "ingestor", "trainer", "migrations", "cli")),
    ("cli", "predictor", METRICS),
    ("trainer", "mlflow", MLFLOW),
}
LAPTOP: set[Edge] = (
    COMMON
    | {(name, "minio", S3) for name in ("trainer", "predictor", "mlflow", "buckets")}
    | {(name, "kafka", KAFKA) for name in ("topics", "kafka-ui")}
    | {("prometheus", name, METRICS) for name in (*TOLD_BY, "kafka", "postgres-exporter")}
    | {("prometheus", "minio", S3), ("prometheus", "mlflow", MLFLOW), ("postgres-exporter", "postgres", POSTGRES)}
    | {("mlflow", "postgres", POSTGRES), *((name, "prometheus", PROMETHEUS) for name in ("grafana", "cli"))}
)
PRODUCTION: set[Edge] = (
    COMMON
    | {(name, OUTSIDE, 443) for name in ("trainer", "predictor", "mlflow", *BY_STRIMZI, *DATABASE)}
    | {(name, OUTSIDE, 6443) for name in (*BY_STRIMZI, *DATABASE)}
    | {("monitoring/", name, METRICS) for name in TOLD_BY}
    | {("cli", "monitoring/", PROMETHEUS)}
    | {("monitoring/", "mlflow", MLFLOW), *(("monitoring/", name, 9404) for name in BY_STRIMZI)}
    | {("gateway/", "predictor", METRICS), ("mlflow", "pooler", POSTGRES)}
    | {(a, b, None) for a in (*BY_STRIMZI, "strimzi/") for b in BY_STRIMZI}
    | {("keda/", "kafka", KAFKA)}
    | {(a, b, port) for a in (*DATABASE, "cnpg-system/") for b in DATABASE for port in (POSTGRES, 8000)}
)
EDGES: dict[str, set[Edge]] = {
    "local": LAPTOP,
    "loadtest": LAPTOP
    | {(name, "predictor", METRICS) for name in ("loadtest", "loadtest-workers")}
    | {("loadtest-workers", "loadtest", LOCUST), ("prometheus", "loadtest", METRICS)},
    "production": PRODUCTION,
    "restore": PRODUCTION,
}


def edges(manifests: Manifests) -> Iterator[str]:
    """Exactly these, and DNS for everybody; without the rest the network would be open."""
    policies = list(manifests.of("NetworkPolicy"))
    closed = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    if closed not in [policy["spec"] for policy in policies]:
        yield "NetworkPolicy: nothing denies what no policy allows"
    allowed = edges_of(manifests)
    names = {edge for edge in allowed if edge[:2] == (edge[0], "kube-system/") and edge[2] == 53}
    for name in sorted(pods(manifests).keys() - {edge[0] for edge in names}):
        yield f"NetworkPolicy: {name} can't ask for names"
    expected = EDGES[manifests.overlay]
    yield from (f"NetworkPolicy: {a} may not reach {b}:{port}" for a, b, port in _sorted(expected - allowed))
    yield from (f"NetworkPolicy: {a} may reach {b}:{port}" for a, b, port in _sorted(allowed - names - expected))


def scrapes(manifests: Manifests) -> Iterator[str]:
    """Whom a laptop's Prometheus asks is there, and may be asked at that port; otherwise its panels stay empty.

    Each pod has to be asked by itself, or what several count would be taken for one's; and also while it is not ready,
    for that is when it has something to tell.
    """
    allowed = edges_of(manifests)
    services = {name_of(each): each["spec"] for each in manifests.of("Service")}
    for config in manifests.of("ConfigMap"):
        told = yaml.safe_load(config.get("data", {}).get("prometheus.yml", "{}"))
        for job in told.get("scrape_configs", []):
            if job["job_name"] == "loadtest" != manifests.overlay:
                continue  # it is there while it runs
            for name, port in _asked(job):
                selected = services.get(name, {}).get("selector", {}).get("app.kubernetes.io/name")
                if ("prometheus", selected, port) not in allowed:
                    yield f"{label(config)}: {job['job_name']} can't be asked at {name}:{port}"
                pods_apart = name != "loadtest" and "dns_sd_configs" in job  # of a load test there is one pod
                if name in services and pods_apart and not _each_pod(services[name]):
                    yield f"Service/{name}: leads to one pod for all, or to none that is not ready"


def _each_pod(service: dict[str, Any]) -> bool:
    return service.get("clusterIP") == "None" and service.get("publishNotReadyAddresses", False)


def _asked(job: dict[str, Any]) -> Iterator[tuple[str, int]]:
    for found in job.get("dns_sd_configs", []):
        yield from ((name, found["port"]) for name in found["names"])
    for found in job.get("static_configs", []):
        for target in found["targets"]:
            name, _, port = target.partition(":")
            yield name, int(port)


def edges_of(manifests: Manifests) -> set[Edge]:
    """Give every edge that the policies allow; a place outside the overlay's pods ends with a slash or is OUTSIDE."""
    return {*_allowed(list(manifests.of("NetworkPolicy")), pods(manifests)), *_listeners(manifests)}


def pods(manifests: Manifests) -> dict[str, dict[str, str]]:
    """Give the labels of all pods, those included that operators make."""
    found = {name_of(workload): labels_of(workload) for workload in manifests.workloads()}
    for pool in manifests.of("KafkaNodePool"):
        name = "kafka" if "broker" in pool["spec"]["roles"] else name_of(pool)
        found[name] = {**pool["metadata"]["labels"], **pool["spec"]["template"]["pod"]["metadata"]["labels"]}
    for cluster in manifests.of("Cluster"):
        own = cluster["spec"]["inheritedMetadata"]["labels"]
        found[name_of(cluster)] = {"cnpg.io/cluster": name_of(cluster), **own}
    for pooler in manifests.of("Pooler"):
        own = pooler["spec"]["template"]["metadata"]["labels"]
        found["pooler"] = {"cnpg.io/cluster": pooler["spec"]["cluster"]["name"], **own}
    return found


def _allowed(policies: list[Document], known: dict[str, dict[str, str]]) -> Iterator[Edge]:
    leaving = {edge for policy in policies for edge in _side(policy, known, "egress", "to")}
    entering = {(b, a, port) for policy in policies for a, b, port in _side(policy, known, "ingress", "from")}
    for a, b, port in leaving:
        if b not in known or (a, b, port) in entering:
            yield a, b, port
    yield from ((a, b, port) for a, b, port in entering if a not in known)


def _side(policy: Document, known: dict[str, dict[str, str]], side: str, peers: str) -> Iterator[Edge]:
    for rule in policy["spec"].get(side, []):
        numbers = [port["port"] for port in rule["ports"]] if "ports" in rule else [None]
        for own in (name for name, labels in known.items() if selects(policy["spec"]["podSelector"], labels)):
            for other in (name for peer in rule[peers] for name in _peers(peer, known)):
                yield from ((own, other, number) for number in numbers)


def _peers(peer: dict[str, Any], known: dict[str, dict[str, str]]) -> Iterator[str]:
    if "ipBlock" in peer:
        yield OUTSIDE
    elif "namespaceSelector" in peer:
        yield peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] + "/"
    else:
        yield from (name for name, labels in known.items() if selects(peer["podSelector"], labels))


def _listeners(manifests: Manifests) -> Iterator[Edge]:
    """Give what Strimzi lets in from other namespaces by policies of its own."""
    for kafka in manifests.of("Kafka"):
        for listener in kafka["spec"]["kafka"]["listeners"]:
            for peer in listener["networkPolicyPeers"]:
                if "namespaceSelector" in peer:
                    yield from ((name, "kafka", listener["port"]) for name in _peers(peer, {}))


def _sorted(found: set[Edge]) -> list[Edge]:
    return sorted(found, key=str)


CHECKS = (edges, scrapes)
