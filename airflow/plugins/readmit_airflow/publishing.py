"""Publish a command, and be green only when Kafka has confirmed it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import jsonschema
from airflow.providers.apache.kafka.hooks.produce import KafkaProducerHook
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from confluent_kafka import KafkaException

from readmit_airflow import contract
from readmit_airflow.commands import Command

KAFKA = "readmit_kafka"
CONFIRMED_WITHIN_S = 15.0  # above delivery.timeout.ms of the connection, so that the reason comes before the limit

PUBLISHED_WITHIN = timedelta(minutes=2)


class PublishCommand(BaseOperator):
    """Publish one command and return its id.

    The id is made of DAG, run, task, map index and the command itself: a retry or a cleared task publishes the same
    command, which acts once. With `cause` in the place of run and map index, runs with one cause publish one command.
    `arguments` and `cause` may hold XComs and parameters; `make` puts the command together.
    """

    template_fields: Sequence[str] = ("arguments", "cause")
    ui_color = "#fde9c8"

    def __init__(
        self, *, make: Callable[..., Command], arguments: Mapping[str, Any], cause: Any = None, **kwargs: Any
    ) -> None:
        """Take the function that makes the command and what it is called with."""
        super().__init__(**{"execution_timeout": PUBLISHED_WITHIN, **kwargs})
        self.make = make
        self.arguments = dict(arguments)
        self.cause = cause

    def execute(self, context: Context) -> str:
        """Publish; raises AirflowFailException for a command against its schema, AirflowException for no delivery."""
        ti = context["ti"]
        command, value = self._command()
        # A run that is made again under an old name has another time, one that is cleared has not.
        run = (ti.run_id, context["dag_run"].run_after.isoformat(), ti.map_index)
        command_id = contract.command_id(value, ti.dag_id, ti.task_id, *(run if self.cause is None else (self.cause,)))
        traceparent = contract.traceparent(command_id, ti.dag_id, ti.run_id)
        self.log.info("%s %s: publishing, as part of trace %s", command.name, command_id, traceparent.split("-")[1])
        publish(command, value, command_id, traceparent)
        self.log.info("%s %s: Kafka has it", command.name, command_id)
        return command_id

    def _command(self) -> tuple[Command, bytes]:
        try:
            command = self.make(**self.arguments)
            jsonschema.validate(command.value, contract.message_type(command.name).schema)
            return command, contract.encode(command.value)
        except jsonschema.ValidationError as error:
            raise AirflowFailException(f"The command is not valid at {error.json_path}: {error.message}") from None
        except ValueError as error:
            raise AirflowFailException(str(error)) from None


def publish(command: Command, value: bytes, command_id: str, traceparent: str) -> None:
    """Put a command into Kafka, with the headers of CloudEvents' binary mode; raises AirflowException."""
    kind = contract.message_type(command.name)
    headers = {
        "ce_specversion": "1.0",
        "ce_id": command_id,
        "ce_type": kind.ce_type,
        "ce_source": contract.SOURCE,
        "content-type": "application/json",
        "traceparent": traceparent,
    }
    faults: list[str] = []

    def delivered(error: Any, _message: Any) -> None:
        if error is not None:
            faults.append(str(error))

    try:
        producer = KafkaProducerHook(kafka_config_id=KAFKA).get_producer()
        producer.produce(
            kind.topic,
            key=kind.key(command.value),
            value=value,
            headers=[(name, value.encode()) for name, value in headers.items()],
            on_delivery=delivered,
        )
        left = producer.flush(CONFIRMED_WITHIN_S)
    except (KafkaException, BufferError) as error:
        raise _unconfirmed(command, command_id, str(error)) from error
    if faults or left:
        why = "; ".join(faults) or f"no answer within {CONFIRMED_WITHIN_S:.0f} s"
        raise _unconfirmed(command, command_id, why)


def _unconfirmed(command: Command, command_id: str, why: str) -> AirflowException:
    return AirflowException(
        f"Kafka did not confirm the {command.name} {command_id} ({why}). It may act or not; the retry sends the same "
        "id, so it acts once. When retries run out: see that the brokers of the connection readmit_kafka are up, and "
        "clear this task."
    )
