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

METHOD, NAME = "KAFKA", "StartIngestion"
PATIENCE_S = 120.0
_POLL_S = 0.05
_ENDS = {ce_type(kind): kind for kind in (IngestionCompleted, IngestionFailed, IngestionCancelled)}


class IngestionUser(User):
    """Starts an ingestion of a batch, one after the other; those of a batch that is there complete at once."""

    fixed_count = 1
    wait_time = constant_throughput(0.2)
    bootstrap = ""

    def on_start(self) -> None:
        """Connect, and read the events from now on; the client's own threads never block the other users."""
        settings = {"bootstrap.servers": self.bootstrap}
        self._producer = Producer(settings | {"enable.idempotence": True, "delivery.timeout.ms": 30_000})
        self._consumer = Consumer(settings | {"group.id": "readmit-loadtest", "enable.auto.commit": False})
        metadata = self._consumer.list_topics(INGESTION_EVENTS.name, timeout=10)
        partitions = []
        for number in metadata.topics[INGESTION_EVENTS.name].partitions:
            _, end = self._consumer.get_watermark_offsets(TopicPartition(INGESTION_EVENTS.name, number), timeout=10)
            partitions.append(TopicPartition(INGESTION_EVENTS.name, number, end))
        self._consumer.assign(partitions)
        self._batches: Iterator[tuple[str, int]] = cycle([("validation", 0), ("test", 0), ("train", 0)])

    def on_stop(self) -> None:
        """Disconnect."""
        self._consumer.close()

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
