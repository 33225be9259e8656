"""A user of Kafka: starts ingestions and waits for what comes of them."""

import time
from collections.abc import Iterator
from itertools import cycle
from typing import Any
from uuid import UUID, uuid4

import gevent
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from locust import User, constant_throughput, task
from readmit_contracts import envelope, ids
from readmit_contracts.commands import StartIngestion
from readmit_contracts.envelope import Envelope
from readmit_contracts.events import IngestionCancelled, IngestionCompleted, IngestionFailed
from readmit_contracts.registry import ce_type
from readmit_contracts.topics import INGESTION_COMMANDS, INGESTION_EVENTS

from readmit_load.preflight import CannotBegin

METHOD, NAME = "KAFKA", "StartIngestion"
PATIENCE_S = 120.0
_POLL_S = 0.05
_ANSWER_S = 10.0
_ENDS = {ce_type(kind): kind for kind in (IngestionCompleted, IngestionFailed, IngestionCancelled)}


def check_kafka(bootstrap: str) -> None:
    """Ask Kafka for the topic of events as the user will; raises CannotBegin."""
    consumer = _consumer(bootstrap)
    try:
        _ends_of_events(consumer)
    except KafkaException as error:
        raise CannotBegin(f"Kafka at {bootstrap} does not answer ({error}); give --kafka HOST:PORT.") from error
    finally:
        consumer.close()


def _consumer(bootstrap: str) -> Consumer:
    return Consumer({"bootstrap.servers": bootstrap, "group.id": "readmit-loadtest", "enable.auto.commit": False})


def _ends_of_events(consumer: Consumer) -> list[TopicPartition]:
    """Return the end of each partition; raises KafkaException when Kafka is away or has no such topic."""
    topic = consumer.list_topics(INGESTION_EVENTS.name, timeout=_ANSWER_S).topics[INGESTION_EVENTS.name]
    if topic.error is not None:
        raise KafkaException(topic.error)
    partitions = [TopicPartition(INGESTION_EVENTS.name, number) for number in topic.partitions]
    ends = (consumer.get_watermark_offsets(partition, timeout=_ANSWER_S)[1] for partition in partitions)
    return [TopicPartition(each.topic, each.partition, end) for each, end in zip(partitions, ends, strict=True)]


class IngestionUser(User):
    """Starts an ingestion of a batch, one after the other; those of a batch that is there complete at once."""

    fixed_count = 1
    wait_time = constant_throughput(0.2)
    bootstrap = ""

    def on_start(self) -> None:
        """Connect, and read the events from now on; whatever waits for Kafka waits beside the other users."""
        self._producer = Producer(
            {"bootstrap.servers": self.bootstrap, "enable.idempotence": True, "delivery.timeout.ms": 30_000}
        )
        self._consumer = _consumer(self.bootstrap)
        ends = gevent.get_hub().threadpool.apply(_ends_of_events, (self._consumer,))
        self._consumer.assign(ends)
        self._batches: Iterator[tuple[str, int]] = cycle([("validation", 0), ("test", 0), ("train", 0)])

    def on_stop(self) -> None:
        """Disconnect."""
        gevent.get_hub().threadpool.apply(self._consumer.close)

    @task
    def ingest(self) -> None:
        """Start one and wait for its end."""
        split, batch = next(self._batches)
        command_id, began = uuid4(), time.perf_counter()
        fault: str | None
        try:
            self._publish(command_id, StartIngestion(batches={split: (batch,)}, then="nothing"))
            fault = self._end(ids.run_id(command_id), began + PATIENCE_S)
        except KafkaException as error:
            fault = f"Kafka: {error}"
        self.environment.events.request.fire(
            request_type=METHOD,
            name=NAME,
            response_time=(time.perf_counter() - began) * 1e3,
            response_length=0,
            exception=AssertionError(fault) if fault else None,
            context={},
        )

    def _publish(self, command_id: UUID, command: StartIngestion) -> None:
        undelivered: list[Any] = []
        head = Envelope(id=command_id, type=ce_type(StartIngestion), source="/readmit/loadtests")
        self._producer.produce(
            INGESTION_COMMANDS.name,
            value=envelope.encode(command),
            key=command.key().encode(),
            headers=list(envelope.to_headers(head)),
            on_delivery=lambda error, _: undelivered.append(error) if error else None,
        )
        while self._producer.flush(0):
            gevent.sleep(_POLL_S)
        if undelivered:
            raise KafkaException(undelivered[0])

    def _end(self, run_id: UUID, until: float) -> str | None:
        while time.perf_counter() < until:
            message = self._consumer.poll(0)
            if message is None:
                gevent.sleep(_POLL_S)
                continue
            if message.error() is not None:
                continue  # the client says it and goes on; what never comes runs out of time
            kind = _ENDS.get(envelope.from_headers(message.headers() or []).type)
            if kind is None:
                continue
            event = envelope.decode(ce_type(kind), message.value())
            if getattr(event, "run_id", None) == run_id:
                return None if kind is IngestionCompleted else f"the run ended as {kind.__name__}"
        return f"the run did not end within {PATIENCE_S:.0f} s"
