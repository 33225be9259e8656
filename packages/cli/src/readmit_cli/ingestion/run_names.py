"""Find a run by what people type: its id, a beginning of it that is its own, or `last`."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed

LAST = "last"
SHORTEST = 4
HELP = f"The run's id, a beginning of it ({SHORTEST} characters or more), or {LAST}."


class Runs(Protocol):
    """What is asked of the status views."""

    async def run_ids(self, beginning: str) -> Sequence[UUID]:
        """Return the ids that begin so, newest first."""
        ...


async def find(name: str, runs: Runs) -> UUID:
    """Return the id of the run that `name` means; raises CommandFailed when it means none or several."""
    wanted = name.strip().lower()
    if wanted == LAST:
        newest = await runs.run_ids("")
        if not newest:
            raise CommandFailed("There is no run yet; `readmit ingest start` begins one.", code=ExitCode.USAGE)
        return newest[0]
    if len(wanted) < SHORTEST:
        raise CommandFailed(f"{name!r} is too short for a run's id; give {SHORTEST} or more.", code=ExitCode.USAGE)
    found = await runs.run_ids(wanted)
    if len(found) != 1:
        what = f"Several runs begin with {name}; give more of the id." if found else f"There is no run {name}."
        raise CommandFailed(f"{what} `readmit ingest status` lists them.", code=ExitCode.USAGE)
    return found[0]
