"""Publish one record without letting Kafka's troubles reach the answers."""

from enum import Enum

import structlog
from readmit_runtime.errors import Rejected, Transient
from readmit_runtime.logs import describe
from readmit_runtime.messages import OutgoingRecord
from readmit_runtime.producer import Producer

from predictor.metrics import PredictorMetrics

SOURCE = "/readmit/predictor"

log = structlog.get_logger(__name__)


class Delivery(Enum):
    """What became of a record."""

    DONE = "done"
    LATER = "later"
    """Not confirmed: the same record may be published again."""
    NEVER = "never"
    """Kafka will not take this record."""


async def deliver(producer: Producer, record: OutgoingRecord, *, kind: str, metrics: PredictorMetrics) -> Delivery:
    """Publish a record and tell what became of it; raises nothing, failures are logged and counted under `kind`.

    Also errors that end other services, such as lost rights, are only tried again later: this process is needed for
    the model that it holds.
    """
    try:
        await producer.publish(record)
    except Transient as error:
        log.warning("delivery_failed", kind=kind, topic=record.topic, reason=describe(error))
        outcome = Delivery.LATER
    except Rejected as error:
        log.exception("delivery_refused", kind=kind, topic=record.topic, reason=error.reason)
        outcome = Delivery.NEVER
    except Exception:
        log.exception("delivery_failed", kind=kind, topic=record.topic)
        outcome = Delivery.LATER
    else:
        return Delivery.DONE
    metrics.delivery_failed(kind)
    return outcome
