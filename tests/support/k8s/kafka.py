"""What Kubernetes is told of Kafka against the contracts: topics, users, how many may consume."""

import json
from collections.abc import Iterator

from readmit_contracts.topics import EVERY_TOPIC, TOPICS
from readmit_runtime.topic_admin import Size, config, partitions
from support.generated_text import ROOT
from support.k8s.environment import variables
from support.k8s.kafka_resources import REPLICATION, resource_name
from support.k8s.manifests import Document, Manifests, containers, label, name_of

AIRFLOWS_CONTRACT = ROOT / "airflow" / "plugins" / "readmit_airflow" / "contract.json"
LOOKS = {"cli": ("Describe", "DescribeConfigs", "Read"), "lag-exporter": ("Describe", "Read"), "keda": ("Describe",)}
"""Who looks at topics that others read, and how; the first two read the oldest waiting record of every group."""


def topics(manifests: Manifests) -> Iterator[str]:
    """Production has every topic with its partitions and settings; on a laptop a command makes them."""
    if not manifests.production:
        job = manifests.one("Job", "topics")
        if containers(job)[0]["command"][-4:] != ["topics", "create", "--size", "local"]:
            yield "Job/topics: does not make the topics of a local installation"
        return
    found = {name_of(each): each["spec"] for each in manifests.of("KafkaTopic")}
    for topic in EVERY_TOPIC:
        spec = found.pop(topic.name, None)
        if spec is None:
            yield f"KafkaTopic/{topic.name}: is missing"
        elif spec["partitions"] != topic.partitions_production or spec["replicas"] != REPLICATION:
            yield f"KafkaTopic/{topic.name}: other partitions or replicas than declared"
        elif not config(topic).items() <= spec["config"].items():
            yield f"KafkaTopic/{topic.name}: other settings than declared"
    yield from (f"KafkaTopic/{name}: nobody declares it" for name in found)


def logins(manifests: Manifests) -> Iterator[str]:
    """Who logs in to Kafka is a KafkaUser, and has the password of that one."""
    users = manifests.names("KafkaUser")
    for workload in manifests.workloads():
        for variable, user in variables(manifests, workload).items():
            if not variable.endswith("KAFKA__SASL_USERNAME"):
                continue
            password = variable.replace("USERNAME", "PASSWORD")
            secrets = [
                each["valueFrom"]["secretKeyRef"]["name"]
                for each in containers(workload)[0]["env"]
                if each["name"] == password
            ]
            if user != name_of(workload) or user not in users or secrets != [f"kafka-{user}"]:
                yield f"{label(workload)}: logs in to Kafka as {user} with {secrets}"
    for clients in manifests.of("Kafka"):
        for listener in clients["spec"]["kafka"]["listeners"]:
            if not listener["tls"] or listener["authentication"]["type"] != "scram-sha-512":
                yield f"{label(clients)}: the listener {listener['name']} lets anybody in, or in the clear"


def lookups(manifests: Manifests) -> Iterator[str]:
    """Who asks Kafka for a topic may see it; Kafka answers as if a topic without that right did not exist."""
    every = [topic.name for topic in EVERY_TOPIC]
    for user in manifests.of("KafkaUser"):
        rules = user["spec"]["authorization"]["acls"]
        for operation in LOOKS.get(name_of(user), ()):
            yield from _refused(user, rules, operation, "topic", every)
        if name_of(user) in LOOKS:
            yield from _refused(user, rules, "Describe", "group", ["any"])
        if name_of(user) == "airflow":
            asked = json.loads(AIRFLOWS_CONTRACT.read_text())["topics"]
            yield from _refused(user, rules, "Describe", "topic", asked)


def _refused(user: Document, rules: list[Document], operation: str, kind: str, asked: list[str]) -> Iterator[str]:
    for name in asked:
        if not any(operation in rule["operations"] and _covers(rule["resource"], kind, name) for rule in rules):
            yield f"{label(user)}: may not {operation} the {kind} {name}"


def _covers(resource: Document, kind: str, name: str) -> bool:
    given = resource["name"]
    matches = name.startswith(given) if resource["patternType"] == "prefix" else given in (name, "*")
    return resource["type"] == kind and matches


def consumers(manifests: Manifests) -> Iterator[str]:
    """No more consumers than the topic with the fewest partitions can feed; the rest would hold none."""
    size: Size = "production" if manifests.production else "local"
    by_name = {topic.name: partitions(topic, size) for topic in TOPICS}
    for scaler in manifests.of("ScaledObject"):
        target, most = scaler["spec"]["scaleTargetRef"]["name"], scaler["spec"]["maxReplicaCount"]
        for trigger in (each["metadata"] for each in scaler["spec"]["triggers"]):
            if trigger["topic"] not in by_name:
                yield f"{label(scaler)}: nobody declares the topic {trigger['topic']}"
            elif most > by_name[trigger["topic"]]:
                yield f"{label(scaler)}: {most} replicas for the {by_name[trigger['topic']]} of {trigger['topic']}"
            if not trigger["consumerGroup"].startswith(target):
                yield f"{label(scaler)}: {trigger['consumerGroup']} is no group of {target}"
    for workload in manifests.of("Deployment"):
        read = [by_name[each.name] for each in TOPICS if name_of(workload) in map(resource_name, each.readers)]
        if read and workload["spec"].get("replicas", 1) > max(read):
            yield f"{label(workload)}: {workload['spec']['replicas']} replicas for at most {max(read)} partitions"


CHECKS = (topics, logins, lookups, consumers)
