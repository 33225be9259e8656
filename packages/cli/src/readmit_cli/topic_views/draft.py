"""Make a record of what a person wrote, held against the contract of its topic."""

from difflib import get_close_matches
from uuid import UUID

import msgspec
from readmit_contracts import envelope
from readmit_contracts.registry import ce_type
from readmit_contracts.topics import TOPICS, Topic
from readmit_runtime.messages import OutgoingRecord, outgoing

from readmit_cli.asking.requests import SOURCE
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed

WRITER = "cli"
MOST_BYTES = 900_000  # below the topics' limit of 1 MiB, as dead letters are


def require_writable(topic: Topic) -> None:
    """Raise CommandFailed unless the contract lets the command line write the topic.

    What services say of themselves (an event, a chunk, a promotion) is the other half of a row in their tables. Said
    by hand, it would be true in Kafka alone.
    """
    if topic not in TOPICS or WRITER not in topic.writers:
        writers = " and ".join(topic.writers)
        problem = f"{topic.name} is written by {writers} themselves: what is said there stands in their tables as well."
        raise CommandFailed(problem, code=ExitCode.USAGE)


def draft(topic: Topic, type_name: str, value: bytes, *, key: str | None, id_: UUID) -> OutgoingRecord:
    """Return the record that `value` makes; raises CommandFailed where the contract does not allow it.

    The key is the message's own; another one given is refused, for it would take the message out of its order.
    """
    require_writable(topic)
    kind = _kind(topic, type_name)
    if len(value) > MOST_BYTES:
        raise _refused(f"The value has {len(value)} bytes, {MOST_BYTES} are the most.")
    try:
        message = envelope.decode(ce_type(kind), value)
    except envelope.MessageInvalid as error:
        raise _refused(error.detail) from None
    unknown = [name for name in msgspec.json.decode(value) if name not in kind.__struct_encode_fields__]
    if unknown:
        raise _refused(f"A {kind.__name__} has no {', no '.join(unknown)}; a misspelt field would be passed over.")
    if key is not None and key != message.key():
        raise _refused(f"The key of this message is {message.key()}, not {key}; leave --key out, or correct the value.")
    return outgoing(topic, message, source=SOURCE, id=id_)


def _kind(topic: Topic, type_name: str) -> type[msgspec.Struct]:
    by_name = {name: kind for kind in topic.messages for name in (kind.__name__, ce_type(kind))}
    found = by_name.get(type_name)
    if found is None:
        likely = get_close_matches(type_name, by_name, n=1)
        carried = ", ".join(kind.__name__ for kind in topic.messages)
        hint = f"did you mean {likely[0]}?" if likely else f"it carries {carried}."
        raise CommandFailed(f"{topic.name} does not carry {type_name}; {hint}", code=ExitCode.USAGE)
    return found


def _refused(problem: str) -> CommandFailed:
    return CommandFailed(f"Nothing was sent. {problem}", code=ExitCode.USAGE)
