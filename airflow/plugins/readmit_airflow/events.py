"""Start a DAG when Kafka says that a run is complete."""

import json
from collections.abc import AsyncIterator
from typing import Any

from airflow.providers.apache.kafka.triggers.shared_stream import KafkaSharedStreamTrigger
from airflow.sdk import Asset, AssetWatcher
from airflow.triggers.base import TriggerEvent

from readmit_airflow.contract import message_type

KAFKA_EVENTS = "readmit_kafka_events"


class CompletedRuns(KafkaSharedStreamTrigger):
    """Fires for each IngestionCompleted whose command wanted nothing to follow.

    The offset is committed only after Airflow has stored the event: a triggerer that dies loses none.
    """

    def __init__(self, **kwargs: Any) -> None:
        """Follow the topic of ingestion events by the connection readmit_kafka_events, unless told otherwise."""
        super().__init__(**{
            "topics": [message_type("IngestionCompleted").topic],
            "kafka_config_id": KAFKA_EVENTS,
            "poll_timeout": 0.5,
            **kwargs,
        })  # fmt: skip

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return how another process makes this trigger again."""
        return f"{type(self).__module__}.{type(self).__qualname__}", super().serialize()[1]

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        """Pass on the runs that nothing follows; what can't be read is somebody else's to park."""
        async for value in shared_stream:
            run_id = completed_run(value)
            if run_id is not None:
                yield TriggerEvent({"run_id": run_id})


def completed_run(value: bytes | None) -> str | None:
    """Return the run of an IngestionCompleted with `then: nothing`; None for any other message."""
    try:
        event = json.loads(value or b"")
    except ValueError:
        return None
    # Only this event of its topic has a training set; the stream gives values without their headers.
    if not isinstance(event, dict) or "training_set" not in event or event.get("then") != "nothing":
        return None
    return str(event.get("run_id"))


def ingestion_completed() -> Asset:
    """Return the asset that such an event updates."""
    watcher = AssetWatcher(name="ingestion_events", trigger=CompletedRuns())
    return Asset("readmit_ingestion_completed", uri="kafka://readmit/ingestion-completed", watchers=[watcher])
