"""Publish a command, under an id by which its effect can be found."""

from dataclasses import dataclass
from uuid import UUID

from readmit_contracts.fields import Message
from readmit_contracts.topics import INGESTION_COMMANDS, MODELS_COMMANDS, QUARANTINE_COMMANDS, TRAINING_COMMANDS, Topic
from readmit_runtime import trace_context
from readmit_runtime.messages import outgoing
from readmit_runtime.producer import DeliveryUnknown, Producer

from readmit_cli.asking.effects import Awaited
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed

SOURCE = "/readmit/cli"
COMMAND_TOPICS = (INGESTION_COMMANDS, QUARANTINE_COMMANDS, TRAINING_COMMANDS, MODELS_COMMANDS)


@dataclass(frozen=True)
class Request:
    """A command and its id; the same request published twice acts once."""

    command_id: UUID
    message: Message

    @property
    def name(self) -> str:
        """The command's name, such as StartIngestion."""
        return type(self.message).__name__

    @property
    def topic(self) -> Topic:
        """The topic that carries such commands."""
        return next(topic for topic in COMMAND_TOPICS if type(self.message) in topic.messages)

    @property
    def effect(self) -> Awaited:
        """What to look for in the status views; a topic of commands has one reader, which acts on them."""
        (taker,) = self.topic.readers
        return Awaited(self.command_id, type(self.message), taker)


async def publish(request: Request, producer: Producer) -> None:
    """Put the command into Kafka, as the beginning of a trace.

    Raises Transient, CommandFailed when it is unknown whether it is there, and ValueError for a command out of bounds.
    """
    record = outgoing(
        request.topic,
        request.message,
        source=SOURCE,
        id=request.command_id,
        traceparent=trace_context.of_command(request.command_id),
    )
    try:
        await producer.publish(record)
    except DeliveryUnknown as error:
        raise CommandFailed(
            f"Kafka did not confirm the {request.name} {request.command_id}: it may act or not. `readmit status` says "
            "whether Kafka is up; then look whether the command acted, before giving it again.",
            code=ExitCode.UNAVAILABLE,
        ) from error
