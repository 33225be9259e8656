"""What the API server would refuse or silently ignore: names, quantities, selectors, ports."""

import re
from collections.abc import Iterator
from typing import Any

from support.k8s.manifests import Document, Manifests, containers, label, labels_of, name_of, pod_of, selects

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?")
LONG_LIVED = ("Deployment", "StatefulSet")


def names(manifests: Manifests) -> Iterator[str]:
    """Every name is one that the API server takes, and nothing stands twice."""
    seen = set()
    for document in manifests.documents:
        if not SUBDOMAIN.fullmatch(name_of(document)) or len(name_of(document)) > 253:
            yield f"{label(document)}: no RFC 1123 name"
        if label(document) in seen:
            yield f"{label(document)}: stands twice"
        seen.add(label(document))
        namespaced = document["kind"] != "Namespace"
        if namespaced and document["metadata"].get("namespace") != "readmit":
            yield f"{label(document)}: not in the namespace readmit"


def quantities(manifests: Manifests) -> Iterator[str]:
    """Requests, limits and sizes are quantities, and a request is not above its limit."""
    for document in manifests.documents:
        for place, value in _quantities(document):
            if not QUANTITY.fullmatch(str(value)):
                yield f"{label(document)}: {place} is {value!r}, which is no quantity"
    for workload in manifests.workloads():
        for container in containers(workload):
            resources = container.get("resources", {})
            for kind, limit in resources.get("limits", {}).items():
                if kind in resources.get("requests", {}) and amount(resources["requests"][kind]) > amount(limit):
                    yield f"{label(workload)}: asks for more {kind} than its limit"


def amount(quantity: str) -> float:
    """Give a quantity as a number."""
    factors = {"m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
    factors |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(quantity)).groups()  # type: ignore[union-attr]
    return float(number) * factors[unit]


def _quantities(node: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("requests", "limits") and isinstance(value, dict):
                yield from ((f"{place}.{key}.{kind}", found) for kind, found in value.items())
            elif key == "sizeLimit":
                yield f"{place}.{key}", value
            else:
                yield from _quantities(value, f"{place}.{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _quantities(value, f"{place}[{number}]")


def selectors(manifests: Manifests) -> Iterator[str]:
    """Each selector finds the pods that it is meant for."""
    for workload in manifests.of(*LONG_LIVED):
        if not selects(workload["spec"]["selector"], labels_of(workload)):
            yield f"{label(workload)}: its selector does not find its own pods"
        for spread in pod_of(workload)["spec"].get("topologySpreadConstraints", []):
            if not selects(spread["labelSelector"], labels_of(workload)):
                yield f"{label(workload)}: spreads other pods than its own"
    for budget in manifests.of("PodDisruptionBudget"):
        if not any(selects(budget["spec"]["selector"], labels_of(pods)) for pods in manifests.of(*LONG_LIVED)):
            yield f"{label(budget)}: finds no pods"


def monitors(manifests: Manifests) -> Iterator[str]:
    """Prometheus finds the pods that tell metrics, and the port; of Kafka every pool, since each tells its own."""
    for pool, labels, opened in _pools(manifests):
        if opened and not any(selects(each["spec"]["selector"], labels) for each in manifests.of("PodMonitor")):
            yield f"{label(pool)}: tells metrics, and no PodMonitor asks it"
    for monitor in manifests.of("PodMonitor"):
        ends = monitor["spec"]["podMetricsEndpoints"]
        found = [(pods, labels_of(pods), {name for name, _ in ports(pods)}) for pods in manifests.workloads()]
        found += _pools(manifests)
        found = [each for each in found if selects(monitor["spec"]["selector"], each[1])]
        for pods, _, opened in found:
            if any(end["port"] not in opened for end in ends):
                yield f"{label(monitor)}: {label(pods)} has no such port"
        if not found:
            yield f"{label(monitor)}: finds no pods"


def _pools(manifests: Manifests) -> Iterator[tuple[Document, dict[str, str], set[str]]]:
    """Give what Strimzi makes: each pool with its pods' labels, and the port that `metricsConfig` makes it open."""
    told = any("metricsConfig" in kafka["spec"]["kafka"] for kafka in manifests.of("Kafka"))
    for pool in manifests.of("KafkaNodePool"):
        pod = pool["spec"].get("template", {}).get("pod", {"metadata": {"labels": {}}})
        yield pool, pod["metadata"]["labels"], {"tcp-prometheus"} if told else set()


def service_ports(manifests: Manifests) -> Iterator[str]:
    """A Service leads to pods that there are, and to a port that one of their containers opens."""
    for service in manifests.of("Service"):
        found = [pods for pods in manifests.workloads() if _behind(service, pods)]
        if not found:
            yield f"{label(service)}: no pods behind it"
        for port in service["spec"]["ports"]:
            for pods in found:
                if port["targetPort"] not in {part for pair in ports(pods) for part in pair}:
                    yield f"{label(service)}: {label(pods)} does not open {port['targetPort']}"
    for route in manifests.of("HTTPRoute"):
        for backend in (end for rule in route["spec"]["rules"] for end in rule["backendRefs"]):
            service = manifests.one("Service", backend["name"])
            if backend["port"] not in [port["port"] for port in service["spec"]["ports"]]:
                yield f"{label(route)}: {label(service)} has no port {backend['port']}"


def _behind(service: Document, pods: Document) -> bool:
    return selects({"matchLabels": service["spec"]["selector"]}, labels_of(pods))


def ports(workload: Document) -> set[tuple[str, int]]:
    """Give name and number of each port that a workload opens."""
    return {(port["name"], port["containerPort"]) for each in containers(workload) for port in each.get("ports", [])}


def scaling(manifests: Manifests) -> Iterator[str]:
    """What is scaled exists, and nobody else says how many of it there are."""
    for scaler in manifests.of("HorizontalPodAutoscaler", "ScaledObject"):
        target = scaler["spec"]["scaleTargetRef"]["name"]
        found = [pods for pods in manifests.of(*LONG_LIVED) if name_of(pods) == target]
        if not found:
            yield f"{label(scaler)}: there is no {target}"
        if any("replicas" in pods["spec"] for pods in found):
            yield f"{label(scaler)}: {target} has a number of replicas of its own"


CHECKS = (names, quantities, selectors, monitors, service_ports, scaling)
