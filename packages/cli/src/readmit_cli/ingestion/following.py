"""Follow a run to its end in the status views."""

from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from readmit_runtime.clock import Clock

from readmit_cli.asking.effects import POLL_S
from readmit_cli.asking.requests import Request
from readmit_cli.failures import CommandFailed
from readmit_cli.status_rows import BatchStatus, RunStatus

OnProgress = Callable[[RunStatus, Sequence[BatchStatus]], None]
"""Hears how far a run is, and its batches."""


class Runs(Protocol):
    """What is asked of the status views."""

    async def run_of(self, command_id: UUID) -> RunStatus | None:
        """Return the run that a command asked for."""
        ...

    async def run_batches(self, run_id: UUID) -> Sequence[BatchStatus]:
        """Return the run's batches."""
        ...


async def run_ended(request: Request, runs: Runs, clock: Clock, on_progress: OnProgress) -> RunStatus:
    """Return the run that the command asked for once it has ended, telling of its progress until then."""
    while True:
        run = await runs.run_of(request.command_id)
        if run is None:
            raise CommandFailed(f"The {request.name} {request.command_id} was taken up, but made no run.")
        on_progress(run, await runs.run_batches(run.run_id))
        if not run.active:
            return run
        await clock.sleep(POLL_S)


def require_completed(run: RunStatus) -> None:
    """Raise CommandFailed when the run ended in another way."""
    if run.state != "completed":
        why = f"{run.reason}: {run.detail}" if run.reason else "no reason is on record."
        raise CommandFailed(f"The run {run.state.replace('cancelled', 'was cancelled')}. {why}")
