"""Wait for the effect of a command in the status views: that it was published proves nothing."""

from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from readmit_contracts.registry import ce_type
from readmit_runtime.clock import Clock
from readmit_runtime.deadline import Deadline

from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.ingestion.requests import Request
from readmit_cli.status_rows import BatchStatus, CommandStatus, RunStatus

POLL_S = 0.3
TAKEN_UP_WITHIN_S = 60.0  # a batch producer that was killed takes its topic over again within half of that

OnProgress = Callable[[RunStatus, Sequence[BatchStatus]], None]
"""Hears how far a run is, and its batches as far as they are known."""


class Status(Protocol):
    """What is asked of the status views."""

    async def command(self, command_id: UUID) -> CommandStatus | None:
        """Return what became of a command."""
        ...

    async def run_of(self, command_id: UUID) -> RunStatus | None:
        """Return the run that a command asked for."""
        ...

    async def run_batches(self, run: RunStatus) -> Sequence[BatchStatus]:
        """Return those of the run's batches that its request names."""
        ...


class Follower:
    """Watches one command after another, by looking again and again."""

    def __init__(self, status: Status, clock: Clock) -> None:
        self._status = status
        self._clock = clock

    async def settled(self, request: Request) -> CommandStatus:
        """Return what became of the command once it was taken up; raises CommandFailed when nobody does, or refuses."""
        deadline = Deadline.after(TAKEN_UP_WITHIN_S, self._clock)
        while (found := await self._status.command(request.command_id)) is None:
            if deadline.expired:
                raise CommandFailed(
                    f"Nobody took up the {request.name} {request.command_id} within {TAKEN_UP_WITHIN_S:.0f} s. It "
                    "stands in Kafka and acts as soon as a batch producer runs: `readmit status` shows what is down.",
                    code=ExitCode.UNAVAILABLE,
                )
            await self._clock.sleep(POLL_S)
        if found.command_type != ce_type(type(request.message)):
            raise CommandFailed(f"The command id {request.command_id} was used before, for a {found.command_type}.")
        if found.outcome == "rejected":
            detail = found.detail or "no reason is on record."
            raise CommandFailed(f"The {request.name} was refused ({found.reason}): {detail}")
        return found

    async def run_ended(self, request: Request, on_progress: OnProgress) -> RunStatus:
        """Return the run that the command asked for once it has ended, telling of its progress until then."""
        while True:
            run = await self._status.run_of(request.command_id)
            if run is None:
                raise CommandFailed(f"The {request.name} {request.command_id} was taken up, but made no run.")
            on_progress(run, await self._status.run_batches(run))
            if not run.active:
                return run
            await self._clock.sleep(POLL_S)
