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


@contextmanager
def transient_errors(doing: str) -> Iterator[None]:
    """Raise Transient, naming what was being done, for errors that time may heal; let others through."""
    try:
        yield
    except (kafka.KafkaError, OSError, TimeoutError) as error:
        if not is_transient(error):
            raise
        raise Transient(f"Kafka: {doing}: {type(error).__name__}; it is tried again.") from error
