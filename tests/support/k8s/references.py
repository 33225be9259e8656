"""What a document names has to be there: ConfigMaps, Secrets and their keys, service accounts, claims, volumes."""

from collections.abc import Iterator

from support.k8s.manifests import Document, Manifests, containers, label, name_of, pod_of

BASIC_AUTH = {"username", "password"}


def references(manifests: Manifests) -> Iterator[str]:
    """Everything that a pod needs before it can start."""
    secrets, configs = secret_keys(manifests), config_keys(manifests)
    accounts = manifests.names("ServiceAccount")
    claims = manifests.names("PersistentVolumeClaim")
    for workload in manifests.workloads():
        spec = pod_of(workload)["spec"]
        if spec.get("serviceAccountName") not in accounts:
            yield f"{label(workload)}: no ServiceAccount {spec.get('serviceAccountName')}"
        for kind, known in (("configMap", configs), ("secret", secrets)):
            for name, keys in _mentioned(spec, kind):
                if name not in known:
                    yield f"{label(workload)}: no {kind} {name}"
                elif not keys <= known[name]:
                    yield f"{label(workload)}: {kind} {name} has no {', '.join(sorted(keys - known[name]))}"
        own = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
        for volume in spec.get("volumes", []):
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim is not None and claim not in claims:
                yield f"{label(workload)}: no PersistentVolumeClaim {claim}"
        volumes = own | {volume["name"] for volume in spec.get("volumes", [])}
        mounted = {mount["name"] for each in containers(workload) for mount in each.get("volumeMounts", [])}
        if mounted != volumes:
            yield f"{label(workload)}: volumes and mounts differ: {', '.join(sorted(mounted ^ volumes))}"


def idle(manifests: Manifests) -> Iterator[str]:
    """What nobody names is left over; dashboards are found by their label."""
    for kind, resource in (("configMap", "ConfigMap"), ("secret", "Secret")):
        used = {name for each in manifests.workloads() for name, _ in _mentioned(pod_of(each)["spec"], kind)}
        if kind == "secret":
            logins = manifests.of("TriggerAuthentication")
            used |= {reference["name"] for each in logins for reference in each["spec"]["secretTargetRef"]}
        else:
            used |= {name for name, _ in _told_to_brokers(manifests)}
        for document in manifests.of(resource):
            found_by_label = document["metadata"].get("labels", {}).get("grafana_dashboard") == "1"
            if name_of(document) not in used and not found_by_label:
                yield f"{label(document)}: nobody names it"


def brokers_metrics(manifests: Manifests) -> Iterator[str]:
    """What the brokers tell stands in a ConfigMap, or the operator takes nothing of the resource."""
    for name, key in _told_to_brokers(manifests):
        if key not in config_keys(manifests).get(name, set()):
            yield f"Kafka: no configMap {name} with {key}"


def _told_to_brokers(manifests: Manifests) -> Iterator[tuple[str, str]]:
    for kafka in manifests.of("Kafka"):
        reference = kafka["spec"]["kafka"]["metricsConfig"]["valueFrom"]["configMapKeyRef"]
        yield reference["name"], reference["key"]


def operators_secrets(manifests: Manifests) -> Iterator[str]:
    """The same for what operators are pointed at."""
    known = secret_keys(manifests)
    for cluster in manifests.of("Cluster"):
        roles = cluster["spec"]["managed"]["roles"]
        (bootstrap,) = cluster["spec"]["bootstrap"].values()
        wanted = {bootstrap["secret"]["name"]: BASIC_AUTH}
        wanted |= {role["passwordSecret"]["name"]: BASIC_AUTH for role in roles}
        for reference in cluster["spec"]["backup"]["barmanObjectStore"]["s3Credentials"].values():
            wanted.setdefault(reference["name"], set())
            wanted[reference["name"]] = wanted[reference["name"]] | {reference["key"]}
        yield from (f"{label(cluster)}: no secret {name} with {keys}" for name, keys in _lacking(wanted, known))
    for login in manifests.of("TriggerAuthentication"):
        for reference in login["spec"]["secretTargetRef"]:
            if reference["key"] not in known.get(reference["name"], set()):
                yield f"{label(login)}: no secret {reference['name']} with {reference['key']}"


def _lacking(wanted: dict[str, set[str]], known: dict[str, set[str]]) -> Iterator[tuple[str, set[str]]]:
    return ((name, keys) for name, keys in wanted.items() if not keys <= known.get(name, set()))


def config_keys(manifests: Manifests) -> dict[str, set[str]]:
    """Give the keys of each ConfigMap."""
    return {name_of(each): set(each.get("data", {})) for each in manifests.of("ConfigMap")}


def secret_keys(manifests: Manifests) -> dict[str, set[str]]:
    """Give the keys of each Secret that is there, or that an operator makes."""
    known = {name_of(each): {*each.get("data", {}), *each.get("stringData", {})} for each in manifests.of("Secret")}
    for outside in manifests.of("ExternalSecret"):
        keys = {entry["secretKey"] for entry in outside["spec"]["data"]}
        template = outside["spec"].get("target", {}).get("template", {})
        known[name_of(outside)] = set(template.get("data", {})) or keys
    prefix = next(
        (each["spec"]["entityOperator"]["userOperator"].get("secretPrefix", "") for each in manifests.of("Kafka")), ""
    )
    for user in manifests.of("KafkaUser"):
        known[prefix + name_of(user)] = {"password", "sasl.jaas.config"}
    for kafka in manifests.of("Kafka"):
        known[f"{name_of(kafka)}-cluster-ca-cert"] = {"ca.crt", "ca.p12", "ca.password"}
    for cluster in manifests.of("Cluster"):
        known[f"{name_of(cluster)}-ca"] = {"ca.crt", "ca.key"}
    return known


def _mentioned(spec: Document, kind: str) -> Iterator[tuple[str, set[str]]]:
    """Give each ConfigMap (or Secret) that a pod names, with the keys that it needs."""
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        for source in container.get("envFrom", []):
            if f"{kind}Ref" in source:
                yield source[f"{kind}Ref"]["name"], set()
        for variable in container.get("env", []):
            reference = variable.get("valueFrom", {}).get(f"{kind}KeyRef")
            if reference:
                yield reference["name"], {reference["key"]}
    for volume in spec.get("volumes", []):
        if kind in volume:
            keys = {item["key"] for item in volume[kind].get("items", [])}
            yield volume[kind].get("name") or volume[kind]["secretName"], keys


CHECKS = (references, idle, brokers_metrics, operators_secrets)
