"""How pods have to be: Pod Security `restricted`, images, probes, budgets."""

import re
from collections.abc import Iterator

from support.k8s.manifests import Document, Manifests, containers, label, labels_of, name_of, pod_of, selects
from support.k8s.shape import LONG_LIVED, ports

OWN = re.compile(r"(.+/)?readmit/")
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
BARMAN = re.compile(r"-system-[a-z]+@sha256:[0-9a-f]{64}$")
TAG = re.compile(r":(?P<tag>[^:/@]+)$")
OWN_USER = 10_001
PLACES = {"node": "kubernetes.io/hostname", "zone": "topology.kubernetes.io/zone"}
LEARNT_S = 5
"""What nodes and gateways take at most, on a cluster that is well, to send nobody to a pod that leaves."""
VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}


def restricted(manifests: Manifests) -> Iterator[str]:
    """Every field that Pod Security asks for, and a root that can't be written."""
    levels = manifests.one("Namespace", "readmit")["metadata"]["labels"]
    if levels.get("pod-security.kubernetes.io/enforce") != "restricted":
        yield "Namespace/readmit: does not enforce restricted"
    for workload in manifests.workloads():
        spec = pod_of(workload)["spec"]
        pod = spec.get("securityContext", {})
        if not (pod.get("runAsNonRoot") and pod.get("runAsUser") and pod.get("fsGroup")):
            yield f"{label(workload)}: may run as root"
        if pod.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{label(workload)}: no seccomp profile"
        if spec.get("automountServiceAccountToken") is not False or spec.get("enableServiceLinks") is not False:
            yield f"{label(workload)}: gets a token or the variables of Services"
        if any(spec.get(shared) for shared in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{label(workload)}: shares the node's namespaces"
        for container in containers(workload):
            yield from (f"{label(workload)}: {fault}" for fault in _container(container))


def volumes(manifests: Manifests) -> Iterator[str]:
    """No folder of the node, and no scratch folder that could fill its disk."""
    for workload in manifests.workloads():
        for volume in pod_of(workload)["spec"].get("volumes", []):
            if not volume.keys() - {"name"} <= VOLUMES:
                yield f"{label(workload)}: the volume {volume['name']} is of a kind that is not allowed"
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                yield f"{label(workload)}: the folder {volume['name']} may fill the node's disk"


def _container(container: Document) -> Iterator[str]:
    context = container.get("securityContext", {})
    if context.get("privileged") or context.get("allowPrivilegeEscalation") is not False:
        yield f"{container['name']} is privileged, or may become it"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield f"{container['name']} keeps capabilities"
    if context.get("readOnlyRootFilesystem") is not True:
        yield f"{container['name']} may write its root"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield f"{container['name']} takes a port of the node"
    resources = container.get("resources", {})
    if not {"cpu", "memory"} <= resources.get("requests", {}).keys() or "memory" not in resources.get("limits", {}):
        yield f"{container['name']} has no requests, or no limit of memory"


def images(manifests: Manifests) -> Iterator[str]:
    """Nothing runs by a tag that moves; production goes by digest; our own images have our own user."""
    for workload in manifests.workloads():
        for image in (container["image"] for container in containers(workload)):
            tag = TAG.search(image.partition("@")[0])
            if not DIGEST.search(image) and (tag is None or tag["tag"] == "latest"):
                yield f"{label(workload)}: {image} has no fixed tag"
            if manifests.production and not DIGEST.search(image):
                yield f"{label(workload)}: {image} has no digest"
            user = pod_of(workload)["spec"].get("securityContext", {}).get("runAsUser")
            if OWN.match(image) and user != OWN_USER:
                yield f"{label(workload)}: {image} does not run as {OWN_USER}"
    for cluster in manifests.of("Cluster"):
        image = cluster["spec"]["imageName"]
        if not BARMAN.search(image):
            yield f"{label(cluster)}: {image} has no digest, or no Barman to archive with"


def probes(manifests: Manifests) -> Iterator[str]:
    """A pod that serves says when it has started, when it is ready, and whether it lives, at a port that it opens."""
    for workload in manifests.of(*LONG_LIVED):
        for container in containers(workload):
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                probe = container.get(kind)
                if probe is None:
                    yield f"{label(workload)}: no {kind}"
                    continue
                asked = probe.get("httpGet") or probe.get("tcpSocket") or {}
                if asked and asked["port"] not in {part for pair in ports(workload) for part in pair}:
                    yield f"{label(workload)}: its {kind} asks a port that it does not open"
            alive = container.get("livenessProbe", {}).get("httpGet", {}).get("path", "")
            if OWN.match(container["image"]) and alive.endswith("ready"):
                yield f"{label(workload)}: would be killed because something else is away"


def disruption(manifests: Manifests) -> Iterator[str]:
    """Our own services leave a node one at a time, and their pods look for different nodes."""
    for workload in manifests.of(*LONG_LIVED):
        if not OWN.match(containers(workload)[0]["image"]):
            continue
        budgets = [each["spec"] for each in manifests.of("PodDisruptionBudget")]
        if not any(selects(budget["selector"], labels_of(workload)) for budget in budgets):
            yield f"{label(workload)}: no PodDisruptionBudget"
        together = workload["spec"].get("strategy", {}).get("type") == "Recreate"
        if not together and not pod_of(workload)["spec"].get("topologySpreadConstraints"):
            yield f"{label(workload)}: is not spread over nodes"
        if pod_of(workload)["spec"].get("serviceAccountName") != name_of(workload):
            yield f"{label(workload)}: no service account of its own"


def departure(manifests: Manifests) -> Iterator[str]:
    """Whoever is called goes on answering while its callers learn that it leaves: nodes are told after it was."""
    for workload in manifests.of(*LONG_LIVED):
        if labels_of(workload).get("readmit/predictor") == "server" and slept_s(workload) < LEARNT_S:
            yield f"{label(workload)}: closes its port while callers are still sent to it"


def apart(manifests: Manifests) -> Iterator[str]:
    """No node or zone takes two of an operator's three with it: one controller, copy or instance cannot go on alone."""
    for pool in manifests.of("KafkaNodePool"):
        own = {**pool["metadata"]["labels"], "strimzi.io/pool-name": name_of(pool)}
        yield from _together(pool, _spread(pool["spec"]["template"]["pod"], own))
    for cluster in manifests.of("Cluster"):
        affinity = cluster["spec"]["affinity"]
        nodes = {affinity["topologyKey"]} if affinity["podAntiAffinityType"] == "required" else set()
        own = {"cnpg.io/cluster": name_of(cluster), "cnpg.io/podRole": "instance"}
        yield from _together(cluster, nodes | _spread(cluster["spec"], own))


def _spread(pods: Document, own: dict[str, str]) -> set[str]:
    return {
        each["topologyKey"]
        for each in pods.get("topologySpreadConstraints", [])
        if each["labelSelector"] == {"matchLabels": own} and each["whenUnsatisfiable"] == "DoNotSchedule"
    }


def _together(what: Document, firm: set[str]) -> Iterator[str]:
    yield from (f"{label(what)}: may all lie in one {place}" for place, key in PLACES.items() if key not in firm)


def slept_s(workload: Document) -> int:
    """Give the seconds that a workload's first container sleeps before it is asked to end."""
    before = containers(workload)[0].get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [])
    return int(before[1]) if before[:1] == ["sleep"] else 0


CHECKS = (restricted, volumes, images, probes, disruption, apart, departure)
