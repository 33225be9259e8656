"""How a run is named on the command line."""

from uuid import UUID

import pytest
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.ingestion.run_names import find

NEWEST = UUID("5a4dfe2c-8a3b-5a39-8f11-0e4c2f6b7a02")
OLDER = UUID("5a4d0000-8a3b-5a39-8f11-0e4c2f6b7a02")


class FakeRuns:
    """Two runs, newest first."""

    def __init__(self, *ids: UUID) -> None:
        self._ids = ids

    async def run_ids(self, beginning: str) -> list[UUID]:
        """Return those that begin so."""
        return [run_id for run_id in self._ids if str(run_id).startswith(beginning)]


@pytest.mark.parametrize("name", [str(NEWEST), str(NEWEST).upper(), "5a4df", "last", " LAST "])
async def test_an_id_its_own_beginning_and_last_name_a_run(name):
    """Nobody types 36 characters."""
    assert await find(name, FakeRuns(NEWEST, OLDER)) == NEWEST


@pytest.mark.parametrize(
    ("name", "says"),
    [("5a4d", "Several runs"), ("abcdef", "no run abcdef"), ("5a", "too short"), ("", "too short"), ("%%%%", "no run")],
)
async def test_what_names_no_run_or_several_is_a_fault_of_the_command_line(name, says):
    """The wrong run must not be cancelled by a guess."""
    with pytest.raises(CommandFailed, match=says) as caught:
        await find(name, FakeRuns(NEWEST, OLDER))
    assert caught.value.code is ExitCode.USAGE


async def test_without_any_run_last_says_how_to_begin_one():
    """The first thing a newcomer may type."""
    with pytest.raises(CommandFailed, match="ingest start"):
        await find("last", FakeRuns())
