"""What Kubernetes' operators are told follows from the contracts and the rules."""

from support.generated_text import GeneratedText
from support.k8s import kafka_resources


def test_the_topics_of_production_are_those_of_the_contracts(generated: GeneratedText) -> None:
    """A topic that is missing there stops whoever writes it."""
    generated.file(kafka_resources.PRODUCTION / "kafka-topics.yaml", kafka_resources.topics())


def test_each_principal_may_do_in_kafka_what_the_contracts_say(generated: GeneratedText) -> None:
    """Less stops a service, more is a hole."""
    generated.file(kafka_resources.PRODUCTION / "kafka-users.yaml", kafka_resources.users())


def test_the_operators_prometheus_has_the_same_rules(generated: GeneratedText) -> None:
    """An alert that exists on laptops alone wakes nobody."""
    generated.file(kafka_resources.PRODUCTION / "prometheus-rules.yaml", kafka_resources.prometheus_rule())
