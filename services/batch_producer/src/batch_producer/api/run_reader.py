"""Name what the API needs to know of runs and commands."""

from typing import Protocol
from uuid import UUID

from batch_producer.api.models import CommandResult, Run, RunDetail


class RunReader(Protocol):
    """Reads runs and commands as they are now; every call may raise Transient."""

    async def runs(self, *, limit: int) -> list[Run]:
        """Return up to `limit` runs, the one planned last first."""
        ...

    async def run(self, run_id: UUID) -> RunDetail | None:
        """Return a run with its batches by split (train, validation, test) and number; None for an unknown run."""
        ...

    async def command(self, command_id: UUID) -> CommandResult | None:
        """Return what became of a command; None before its turn."""
        ...
