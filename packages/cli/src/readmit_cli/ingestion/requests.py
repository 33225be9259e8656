"""Publish a command to the store, under an id by which its effect can be found."""

from dataclasses import dataclass
from uuid import UUID

from readmit_contracts.fields import Message
from readmit_contracts.topics import INGESTION_COMMANDS
from readmit_runtime.messages import outgoing
from readmit_runtime.producer import DeliveryUnknown, Producer

from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed

SOURCE = "/readmit/cli"


@dataclass(frozen=True)
class Request:
    """A command and its id; the same request published twice acts once."""

    command_id: UUID
    message: Message

    @property
    def name(self) -> str:
        """The command's name, such as StartIngestion."""
        return type(self.message).__name__


async def publish(request: Request, producer: Producer) -> None:
    """Put the command into Kafka; raises Transient, or CommandFailed when it is unknown whether it is there.

    Raises ValueError for a command that is not within its bounds.
    """
    record = outgoing(INGESTION_COMMANDS, request.message, source=SOURCE, id=request.command_id)
    try:
        await producer.publish(record)
    except DeliveryUnknown as error:
        raise CommandFailed(
            f"Kafka did not confirm the {request.name} {request.command_id}: it may act or not. `readmit status` says "
            "whether Kafka is up; then look whether the command acted, before giving it again.",
            code=ExitCode.UNAVAILABLE,
        ) from error
