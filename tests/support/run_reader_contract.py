"""What every RunReader of the batch producer's API has to do."""

from collections.abc import Awaitable
from typing import Protocol
from uuid import UUID, uuid4

from batch_producer.api.run_reader import RunReader
from support.fake_run_reader import BatchOfRun, RunOfTest


class Arranged(Protocol):
    """A reader, and the ways in which a test puts runs and commands before it."""

    @property
    def reader(self) -> RunReader:
        """The reader under test."""
        ...

    def add_run(self, run: RunOfTest) -> Awaitable[None]:
        """Let there be a run."""
        ...

    def add_command(self, command_id: UUID, outcome: str, *, reason: str | None = None) -> Awaitable[None]:
        """Let a StartIngestion have had its turn."""
        ...


BATCHES = (
    BatchOfRun(split="validation", batch=1, planned=5_442, published=500, quarantined=2),
    BatchOfRun(split="train", batch=2, state="clean", published=15_000),
    BatchOfRun(split="validation", batch=0, state="failed", published=7_500, quarantined=151, reason="X", detail="y"),
)


class RunReaderContract:
    """The suite; a subclass gives the fixture `arranged`, empty."""

    async def test_the_run_planned_last_comes_first(self, arranged: Arranged) -> None:
        """The latest run is what people look for."""
        runs = [RunOfTest(planned_s=second) for second in (2, 3, 1)]
        for run in runs:
            await arranged.add_run(run)

        found = await arranged.reader.runs(limit=2)

        assert [run.run_id for run in found] == [runs[1].run_id, runs[0].run_id]

    async def test_a_runs_counts_are_the_sums_over_its_batches(self, arranged: Arranged) -> None:
        """Progress that does not add up is worse than none."""
        await arranged.add_run(RunOfTest(state="streaming", batches=BATCHES))

        [run] = await arranged.reader.runs(limit=5)

        assert (run.batches, run.clean_batches) == (3, 1)
        assert (run.planned_rows, run.published, run.missing) == (35_442, 23_000, 12_442)
        assert (run.stored, run.duplicate, run.quarantined, run.discarded) == (22_847, 0, 153, 0)
        assert run.percent == 64.8

    async def test_a_run_shows_each_of_its_batches_in_order(self, arranged: Arranged) -> None:
        """Where a run hangs is seen at the batch."""
        wanted = RunOfTest(state="failed", batches=BATCHES, reason="X", detail="batch 0 of validation: y")
        await arranged.add_run(wanted)
        await arranged.add_run(RunOfTest(batches=BATCHES[:1]))

        run = await arranged.reader.run(wanted.run_id)

        assert run is not None
        assert (run.state, run.reason, run.detail) == ("failed", "X", "batch 0 of validation: y")
        assert run.finished_at is not None
        assert [(batch.split, batch.batch, batch.state) for batch in run.batch_progress] == [
            ("train", 2, "clean"),
            ("validation", 0, "failed"),
            ("validation", 1, "planned"),
        ]
        failed = run.batch_progress[1]
        assert (failed.published, failed.missing, failed.stored, failed.percent) == (7_500, 7_500, 7_349, 50.0)
        assert (failed.reason, failed.detail) == ("X", "y")

    async def test_a_run_says_what_was_asked_for(self, arranged: Arranged) -> None:
        """Whoever finds a run should not have to look for its command."""
        wanted = RunOfTest()
        await arranged.add_run(wanted)

        run = await arranged.reader.run(wanted.run_id)

        assert run is not None
        assert (run.command_id, run.requested, run.then) == (wanted.command_id, {"validation": "all"}, "nothing")

    async def test_a_run_without_batches_is_whole(self, arranged: Arranged) -> None:
        """Nothing to do is done, not divided by zero."""
        await arranged.add_run(RunOfTest(state="completed"))

        [run] = await arranged.reader.runs(limit=5)

        assert (run.batches, run.planned_rows, run.percent) == (0, 0, 100.0)

    async def test_an_unknown_run_is_none(self, arranged: Arranged) -> None:
        """The API answers 404 for it."""
        assert await arranged.reader.run(uuid4()) is None

    async def test_a_command_tells_what_became_of_it(self, arranged: Arranged) -> None:
        """A refused command has no run to look at."""
        command_id = uuid4()
        await arranged.add_command(command_id, "rejected", reason="REFUSED")

        command = await arranged.reader.command(command_id)

        assert command is not None
        assert (command.command_id, command.command_type) == (command_id, "readmit.StartIngestion.v1")
        assert (command.outcome, command.reason) == ("rejected", "REFUSED")
        assert await arranged.reader.command(uuid4()) is None
