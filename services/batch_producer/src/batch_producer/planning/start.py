"""Plan a run as StartIngestion asks: everything that streaming and counting rely on, in one transaction."""

import asyncio

from readmit_contracts import ids
from readmit_contracts.commands import StartIngestion
from readmit_contracts.envelope import Envelope
from readmit_contracts.events import IngestionPlanned
from readmit_contracts.fields import MAX_BATCHES
from readmit_contracts.reasons import Reason
from readmit_contracts.source import DatasetInvalid, SourceFile
from readmit_runtime import outbox
from readmit_runtime.commands import Outcome
from readmit_runtime.database import Connection
from readmit_runtime.errors import Rejected

from batch_producer import announcements, generation_store
from batch_producer.dataset_file import DatasetFile
from batch_producer.generation_store import SCHEMA
from batch_producer.planning import store
from batch_producer.planning.chunk_plan import plan_chunks
from batch_producer.planning.selection import planned_rows, select
from batch_producer.runs import endings_store


class StartIngestionHandler:
    """Does a StartIngestion; the same command always means the same run."""

    def __init__(self, dataset: DatasetFile) -> None:
        self._dataset = dataset

    async def __call__(self, connection: Connection, envelope: Envelope, command: StartIngestion) -> Outcome:
        """Plan the run, and end it at once where its batches are clean, or one of them failed, already.

        Raises Rejected for a dataset that is absent, invalid or not the one asked for, and for batches that it does
        not have; then nothing was planned.
        """
        source = await self._source(command)
        generation = await generation_store.lock(connection)
        number = await self._planned_dataset(connection, generation, source)
        batches = await store.batches(connection, generation, number)
        selected = select(command.batches, batches)
        run_id = ids.run_id(envelope.id)
        await store.add_run(
            connection,
            run_id,
            command_id=envelope.id,
            generation=generation,
            number=number,
            command=command,
            selected=selected,
        )
        planned = IngestionPlanned(
            run_id=run_id,
            command_id=envelope.id,
            dataset_id=source.dataset_id,
            dataset_no=number,
            generation=generation,
            batches=dict(selected),
            rows=planned_rows(selected, batches),
            then=command.then,
        )
        endings = await endings_store.end_runs(connection, [run_id])
        await outbox.add(connection, SCHEMA, [announcements.ingestion_planned(planned), *endings])
        return Outcome(outcome="applied" if endings else "accepted", subject=str(run_id))

    async def _source(self, command: StartIngestion) -> SourceFile:
        try:
            source = await self._dataset.read()
        except DatasetInvalid as error:
            raise Rejected(error.reason, error.detail) from error
        if command.dataset_sha256 not in {None, source.sha256}:
            raise Rejected(
                Reason.DATASET_SHA256,
                f"The command is for a dataset file of sha256 {command.dataset_sha256}, the one here has "
                f"{source.sha256}; put the right file in place, or send a command for this one.",
            )
        return source

    async def _planned_dataset(self, connection: Connection, generation: int, source: SourceFile) -> int:
        """Return the dataset's number; at first sight plan all of it, so that a known dataset is a planned one."""
        number = await store.dataset_no(connection, source.dataset_id)
        if number is not None:
            return number
        number = await store.add_dataset(connection, source)
        try:
            chunks = await asyncio.to_thread(plan_chunks, source, number)
        except DatasetInvalid as error:
            raise Rejected(error.reason, error.detail) from error
        await store.add_chunks(connection, number, chunks)
        batches = await generation_store.plan_batches(connection, generation)
        if batches > MAX_BATCHES:
            raise Rejected(
                Reason.REFUSED,
                f"With this dataset the store would have {batches} batches, {MAX_BATCHES} are the most; plan a "
                "smaller file.",
            )
        return number
