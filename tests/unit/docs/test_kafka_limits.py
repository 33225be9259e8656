"""Every Kafka that is set up from here takes records of the same size."""

from collections.abc import Mapping

import yaml
from readmit_contracts.source import CHUNK_MAX_BYTES
from readmit_runtime.producer_settings import ProducerSettings
from support.generated_text import ROOT

SETTINGS = ("message.max.bytes", "replica.fetch.max.bytes")
KUBERNETES = ROOT / "k8s"


def test_every_kafka_takes_records_of_the_same_size() -> None:
    """A record that one broker takes and another one refuses is found by whoever moves to the other."""
    properties = (ROOT / "local" / "kafka" / "server.properties").read_text().splitlines()
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["kafka"]["environment"]
    [single] = _documents("components/kafka-single/kafka.yaml", "StatefulSet")
    container = single["spec"]["template"]["spec"]["containers"][0]
    [strimzi] = _documents("overlays/production/kafka.yaml", "Kafka")
    found = [
        _sizes(dict(line.split("=", 1) for line in properties if "=" in line)),
        _sizes({_setting(name): value for name, value in compose.items()}),
        _sizes({_setting(each["name"]): each["value"] for each in container["env"] if "value" in each}),
        _sizes(strimzi["spec"]["kafka"]["config"]),
    ]
    assert found == [found[0]] * 4
    assert min(found[0]) > max(ProducerSettings().max_record_bytes, CHUNK_MAX_BYTES)


def _documents(file: str, kind: str) -> list[dict]:
    return [each for each in yaml.safe_load_all((KUBERNETES / file).read_text()) if each["kind"] == kind]


def _setting(variable: str) -> str:
    """Give the broker's setting of an image's variable."""
    return variable.removeprefix("KAFKA_").replace("_", ".").lower()


def _sizes(settings: Mapping[str, object]) -> list[int]:
    return [int(str(settings[name])) for name in SETTINGS]
