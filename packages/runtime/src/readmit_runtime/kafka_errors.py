"""Decide which errors of the Kafka client time may heal."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka import errors as kafka

from readmit_runtime.errors import Transient

# The library marks most of what passes as retriable; these it leaves out.
_PASSING = (
    kafka.BrokerNotAvailableError,
    kafka.KafkaTimeoutError,
    kafka.KafkaUnavailableError,
    kafka.OutOfOrderSequenceNumber,
    kafka.ProducerClosed,
    kafka.RebalanceInProgressError,
    kafka.ReplicaNotAvailableError,
    kafka.UnknownError,
    kafka.UnknownProducerId,
)


def is_transient(error: BaseException) -> bool:
    """Tell whether the same call may succeed later; a bare KafkaError says nothing, so it may."""
    if isinstance(error, kafka.KafkaError):
        return bool(error.retriable) or type(error) is kafka.KafkaError or isinstance(error, _PASSING)
    return isinstance(error, OSError | TimeoutError)


def missing_right(error: BaseException) -> str | None:
    """Say which of Kafka's rights the login lacks, where that is what an error tells of; else None."""
    match error:
        case kafka.TopicAuthorizationFailedError():
            return f"Describe or Read on the topic {_named(error)}"
        case kafka.GroupAuthorizationFailedError():
            return f"Describe on the group {_named(error)}"
        case kafka.ClusterAuthorizationFailedError():
            return "Describe on the cluster"
    return None


def _named(error: kafka.KafkaError) -> str:
    # the library gives one name, or a set of them, or none
    names = error.args[0] if error.args else ()
    return ", ".join([names] if isinstance(names, str) else sorted(names)) or "(Kafka does not say which)"


@contextmanager
def transient_errors(doing: str) -> Iterator[None]:
    """Raise Transient, naming what was being done, for errors that time may heal; let others through."""
    try:
        yield
    except (kafka.KafkaError, OSError, TimeoutError) as error:
        if not is_transient(error):
            raise
        raise Transient(f"Kafka: {doing}: {type(error).__name__}; it is tried again.") from error
