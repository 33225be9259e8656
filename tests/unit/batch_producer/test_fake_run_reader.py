"""The fake that the API's tests use does what the real reader does."""

from collections.abc import Awaitable
from dataclasses import dataclass
from uuid import UUID

import pytest
from support.fake_run_reader import FakeRunReader, RunOfTest
from support.run_reader_contract import RunReaderContract


@dataclass
class ArrangedFake:
    """The fake under the names of the contract."""

    reader: FakeRunReader

    def add_run(self, run: RunOfTest) -> Awaitable[None]:
        """Let there be a run."""
        return self.reader.add_run(run)

    def add_command(self, command_id: UUID, outcome: str, *, reason: str | None = None) -> Awaitable[None]:
        """Let a StartIngestion have had its turn."""
        return self.reader.add_command(command_id, outcome, reason=reason)


class TestFakeRunReader(RunReaderContract):
    @pytest.fixture
    def arranged(self) -> ArrangedFake:
        """Give an empty fake."""
        return ArrangedFake(FakeRunReader())
