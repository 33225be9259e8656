"""What a command says when Kafka refuses it."""

import pytest
from aiokafka import errors as kafka
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed, expected


@pytest.mark.parametrize(
    ("error", "right"),
    [
        (kafka.TopicAuthorizationFailedError("events"), "Describe or Read on the topic events"),
        (kafka.TopicAuthorizationFailedError({"b", "a"}), "Describe or Read on the topic a, b"),
        (kafka.GroupAuthorizationFailedError("trainer"), "Describe on the group trainer"),
        (kafka.GroupAuthorizationFailedError(), "Describe on the group (Kafka does not say which)"),
        (kafka.ClusterAuthorizationFailedError(), "Describe on the cluster"),
    ],
)
def test_a_right_that_is_missing_in_kafka_is_named(error: Exception, right: str) -> None:
    """A traceback says neither which right that is nor who gives it."""
    with pytest.raises(CommandFailed) as failed, expected():
        raise error
    assert f"lacks the right {right};" in str(failed.value)
    assert failed.value.code is ExitCode.UNAVAILABLE


@pytest.mark.parametrize("error", [kafka.InvalidTimestampError(), ValueError(3), KeyError("x")])
def test_what_nobody_expects_passes_unchanged(error: Exception) -> None:
    """A fault of ours keeps its traceback."""
    with pytest.raises(type(error)) as passed, expected():
        raise error
    assert passed.value is error
