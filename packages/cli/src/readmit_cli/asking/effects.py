"""Wait for the effect of a message in the status views: that it was published proves nothing."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol
from uuid import UUID

from readmit_contracts.fields import Message
from readmit_contracts.registry import ce_type
from readmit_runtime.clock import Clock
from readmit_runtime.deadline import Deadline

from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.status_rows import CommandStatus

POLL_S = 0.3
TAKEN_UP_WITHIN_S = 60.0  # a service that was killed takes its topic over again within half of that

OnLook = Callable[[], Awaitable[None]]
"""Is called at each look that found the work still going on."""


class Commands(Protocol):
    """What is asked of the status views."""

    async def command(self, command_id: UUID, *, consumer: str) -> CommandStatus | None:
        """Return what became of a message at the service that takes it."""
        ...


class Awaited(NamedTuple):
    """A message whose effect is waited for, and the service that acts on it."""

    id: UUID
    message_type: type[Message]
    taker: str

    @property
    def name(self) -> str:
        """The message's name and id, for people."""
        return f"{self.message_type.__name__} {self.id}"


async def taken_up(awaited: Awaited, commands: Commands, clock: Clock) -> CommandStatus:
    """Return what became of the message once it was taken up; raises CommandFailed when nobody does, or refuses it."""
    deadline = Deadline.after(TAKEN_UP_WITHIN_S, clock)
    while (found := await commands.command(awaited.id, consumer=awaited.taker)) is None:
        if deadline.expired:
            raise CommandFailed(
                f"The {awaited.taker} did not take up the {awaited.name} within {TAKEN_UP_WITHIN_S:.0f} s. It stands "
                "in Kafka and acts as soon as that service runs: `readmit status` shows what is down.",
                code=ExitCode.UNAVAILABLE,
            )
        await clock.sleep(POLL_S)
    if found.command_type != ce_type(awaited.message_type):
        raise CommandFailed(f"The command id {awaited.id} was used before, for a {found.command_type}.")
    refuse(awaited, found)
    return found


async def settled(awaited: Awaited, commands: Commands, clock: Clock, on_look: OnLook | None = None) -> CommandStatus:
    """Return what became of the message once the work on it has ended; raises CommandFailed when it was refused."""
    found = await taken_up(awaited, commands, clock)
    while found.outcome == "accepted":
        if on_look is not None:
            await on_look()
        await clock.sleep(POLL_S)
        found = await taken_up(awaited, commands, clock)
    return found


def refuse(awaited: Awaited, found: CommandStatus) -> None:
    """Raise CommandFailed when the message was refused."""
    if found.outcome == "rejected":
        detail = found.detail or "no reason is on record."
        raise CommandFailed(f"The {awaited.name} was refused ({found.reason}): {detail}")
