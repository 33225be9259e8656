"""What every Kafka that is set up from here has in common: the size of records, and no log that nothing bounds."""

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
    [strimzi] = _documents("overlays/production/kafka.yaml", "Kafka")
    found = [
        _sizes(dict(line.split("=", 1) for line in properties if "=" in line)),
        *(_sizes({_setting(name): value for name, value in told.items()}) for told in _containers()),
        _sizes(strimzi["spec"]["kafka"]["config"]),
    ]
    assert found == [found[0]] * 4
    assert min(found[0]) > max(ProducerSettings().max_record_bytes, CHUNK_MAX_BYTES)


def test_no_broker_in_a_container_writes_more_than_its_data() -> None:
    """The start script's own arguments keep a gigabyte of the collector's log; at 128 MiB of it the pod is evicted."""
    arguments = [told["EXTRA_ARGS"].split() for told in _containers()]
    assert [(words[:2], "-loggc" in words) for words in arguments] == [(["-name", "kafkaServer"], False)] * 2


def _containers() -> list[dict[str, str]]:
    """Give the environment of Kafka's own image, as Compose and as a laptop's cluster set it."""
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["kafka"]["environment"]
    [single] = _documents("components/kafka-single/kafka.yaml", "StatefulSet")
    container = single["spec"]["template"]["spec"]["containers"][0]
    return [compose, {each["name"]: each["value"] for each in container["env"]}]


def _documents(file: str, kind: str) -> list[dict]:
    return [each for each in yaml.safe_load_all((KUBERNETES / file).read_text()) if each["kind"] == kind]


def _setting(variable: str) -> str:
    """Give the broker's setting of an image's variable."""
    return variable.removeprefix("KAFKA_").replace("_", ".").lower()


def _sizes(settings: Mapping[str, object]) -> list[int]:
    return [int(str(settings[name])) for name in SETTINGS]
