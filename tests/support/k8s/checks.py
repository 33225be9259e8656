"""Every check of an overlay's meaning; what the schemas and the linters see is not among them."""

from collections.abc import Callable, Iterator

import yaml
from support.k8s import environment, kafka, network, pods, references, shape
from support.k8s.manifests import Manifests, label
from support.rule_files import undeclared

Check = Callable[[Manifests], Iterator[str]]


def rules(manifests: Manifests) -> Iterator[str]:
    """A rule asks for series that some process tells; one that does not is silent for ever."""
    asked = [(label(each), each["spec"]["groups"]) for each in manifests.of("PrometheusRule")]
    for config in manifests.of("ConfigMap"):
        files = [text for name, text in config.get("data", {}).items() if name.endswith(".rules.yml")]
        asked += [(label(config), yaml.safe_load(text)["groups"]) for text in files]
    if not asked:
        yield "no rules at all"
    for where, groups in asked:
        for rule in (rule for group in groups for rule in group["rules"]):
            for name in undeclared(rule["expr"]):
                yield f"{where}: nobody tells {name}"


CHECKS: tuple[Check, ...] = (
    *shape.CHECKS,
    *pods.CHECKS,
    *references.CHECKS,
    *environment.CHECKS,
    *network.CHECKS,
    *kafka.CHECKS,
    rules,
)


def faults(manifests: Manifests) -> list[str]:
    """Give every fault of every check."""
    return [fault for check in CHECKS for fault in check(manifests)]
