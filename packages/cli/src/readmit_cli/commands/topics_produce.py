"""`readmit topics produce`: write one message by hand, held against its contract first."""

import sys
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

import typer
from readmit_runtime.messages import OutgoingRecord
from readmit_runtime.producer import DeliveryUnknown, Position

from readmit_cli import sessions, terminal
from readmit_cli.connection_settings import Connections
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.models.options import AsJson
from readmit_cli.topic_views import catalogue
from readmit_cli.topic_views.draft import draft, require_writable
from readmit_cli.topic_views.message_view import printable

STDIN = Path("-")


def produce(
    *,
    topic: catalogue.Name,
    type_name: Annotated[str, typer.Option("--type", help="The message's type, such as StartIngestion.")],
    file: Annotated[Path, typer.Option("--file", help="Its value as JSON; - reads standard input.")],
    key: Annotated[
        str | None, typer.Option("--key", help="Refuse unless the message's own key is this.", show_default=False)
    ] = None,
    message_id: Annotated[
        UUID | None,
        typer.Option("--id", help="The message's id (ce_id); a command given twice under one acts once."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Send it; without this it is shown only.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write one message to a topic that the command line may write.

    Nothing that its type does not allow is sent. Without --yes nothing is, and the command ends with 1.
    """
    found = catalogue.find(topic)
    require_writable(found)
    record = draft(found, type_name, _value(file), key=key, id_=message_id or uuid4())
    if not yes:
        _show(record)
        raise CommandFailed("Nothing was sent; the same command with --yes sends it.")
    stored = terminal.run(_send(record))
    place = {"topic": stored.topic, "partition": stored.partition, "offset": stored.offset, "id": _id(record)}
    if as_json:
        terminal.print_json(place)
    else:
        text = f"{stored.topic} {stored.partition}@{stored.offset}, id {_id(record)}"
        terminal.out().print(text, soft_wrap=True)


def _value(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == STDIN else file.read_bytes()
    except OSError as error:
        raise CommandFailed(f"--file {file}: {error.strerror}.", code=ExitCode.USAGE) from None


async def _send(record: OutgoingRecord) -> Position:
    try:
        return await sessions.write(record, Connections.find().kafka())
    except DeliveryUnknown as error:
        problem = f"Kafka did not confirm it: it may be there or not. Send it again with --id {_id(record)}."
        raise CommandFailed(problem, code=ExitCode.UNAVAILABLE) from error


def _show(record: OutgoingRecord) -> None:
    console = terminal.out()
    console.print(f"{record.topic}  key {record.key.decode()}")
    for name, value in record.headers:
        console.print(f"    {name}: {printable(value)}", soft_wrap=True)
    console.print(f"    {printable(record.value or b'')}", soft_wrap=True)


def _id(record: OutgoingRecord) -> str:
    return next(value.decode() for name, value in record.headers if name == "ce_id")
