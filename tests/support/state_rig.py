"""Bring runs and batches into every state, and let every event happen to them, by the services' own code.

What no event leads to (a batch over the limit in a run that is still streaming) is arranged by hand: the table has an
entry for it nevertheless, for the day on which something leads there.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from uuid import UUID, uuid4

from batch_producer.streaming.store import ClaimedRun
from readmit_contracts import ids
from readmit_contracts.chunks import Chunk
from readmit_contracts.commands import CancelIngestion, ResetStore, ResumeIngestion, StartIngestion
from readmit_contracts.fields import Message
from readmit_contracts.reasons import Reason
from readmit_contracts.source import SourceFile
from readmit_contracts.states import NoChange, Refused
from readmit_runtime.database import Connection, Pool
from readmit_runtime.settings import PostgresSettings
from support.batch_producer_rig import Rig
from support.command_records import command_record
from support.encounters import all_chunks, delivered, source_file
from support.planned_store import PlannedStore, lines_of, source_bytes

ROWS = 1_200  # two chunks of train, one of each other split
WANTED = {"train": "all", "validation": "all"}


class StateRig:
    """Both services on one database, each in its own role, and one run that wants train and validation.

    `bad` puts more bad rows into the last chunk of train than a batch may have.
    """

    def __init__(self, admin: Connection, producer: Pool, ingestor: PostgresSettings, folder: Path) -> None:
        self.admin = admin
        self._folder = folder
        self._producer = producer
        self._offsets = count()
        self.ingestor = PlannedStore(admin, ingestor, folder)
        self.command_id = uuid4()
        self.run_id = ids.run_id(self.command_id)
        self._use(lines_of(ROWS))

    def use_bad_rows(self) -> None:
        """Plan and send, from here on, a file whose last chunk of train is over the limit."""
        lines = lines_of(ROWS)
        bad = [lines.index(line.decode()) for line in self.source.lines("train")[600:625]]
        self._use(lines_of(ROWS, at={row: {"gender": "x"} for row in bad}))

    def _use(self, lines: Sequence[str]) -> None:
        path = self._folder / f"{len(list(self._folder.iterdir()))}.csv"
        path.write_bytes(source_bytes(lines))
        self.source: SourceFile = source_file(lines)
        self.producer = Rig(self.admin, self._producer, path)

    async def command(self, command: Message, command_id: UUID | None = None) -> None:
        """Deliver a command, at a place of its own in the topic."""
        self._last = command_record(command, command_id or uuid4())
        await self.repeat()

    async def repeat(self) -> None:
        """Deliver the last command again."""
        await self.producer.commands([replace(self._last, offset=next(self._offsets))])

    async def start(self) -> None:
        """Deliver the command that makes the run."""
        await self.command(StartIngestion(batches=WANTED, then="nothing"), self.command_id)

    async def start_another(self) -> None:
        """Make another run over the same batches."""
        await self.command(StartIngestion(batches=WANTED, then="nothing"))

    async def cancel(self) -> None:
        """Cancel the run."""
        await self.command(CancelIngestion(run_id=self.run_id, reason="a test"))

    async def resume(self) -> None:
        """Resume the run."""
        await self.command(ResumeIngestion(run_id=self.run_id))

    async def reset(self) -> None:
        """Reset the store."""
        await self.command(ResetStore(reason="a test", actor="tester"))

    async def by_hand(self, statement: str) -> None:
        """Change the database as its owner."""
        await self.admin.execute(statement)

    async def claim(self) -> None:
        """Let a worker look for a run."""
        await self.producer.streaming().claim()

    async def fail(self) -> None:
        """Let the run's worker say that the file is gone."""
        await self.producer.streaming().fail(await self.claimed(), Reason.DATASET_MISSING, "gone")

    async def claimed(self) -> ClaimedRun:
        """Give the run as a worker of its newest attempt knows it, whether there is one or not."""
        attempt = await self.admin.fetchval("SELECT attempt FROM ingest.runs WHERE run_id = $1", self.run_id)
        return ClaimedRun(
            run_id=self.run_id,
            attempt=attempt or 0,
            generation=1,
            dataset_id=self.source.dataset_id,
            dataset_no=1,
            file_sha256=self.source.sha256,
        )

    def chunks(self, *splits: str, generation: int = 1) -> list[Chunk]:
        """Give the chunks of these splits, in order."""
        return [chunk for chunk in all_chunks(self.source, 1, generation=generation) if chunk.split in splits]

    async def deliver(self, *chunks: Chunk) -> None:
        """Let chunks arrive, each at a place of its own in its topic."""
        await self.ingestor.store([delivered(chunk, offset=next(self._offsets)) for chunk in chunks])

    async def deliver_conflict(self, split: str) -> None:
        """Let a chunk arrive that is not the planned one, though its own digest is right."""
        chunk = self.chunks(split)[0]
        payload = chunk.payload.replace(b"Caucasian", b"Hispanic", 1)
        fields = {name: getattr(chunk, name) for name in Chunk.__struct_fields__}
        forged = fields | {"payload": payload, "sha256": hashlib.sha256(payload).hexdigest()}
        await self.deliver(Chunk(**forged))

    async def clean(self) -> None:
        """Let a cleaner clean all there is."""
        await self.ingestor.clean()

    async def rebuild(self) -> None:
        """Let the clean tables be derived anew."""
        await self.ingestor.rebuild(offset=next(self._offsets))

    async def run_state(self) -> str | None:
        """Give the run's state, None when there is no run."""
        state: str | None = await self.admin.fetchval("SELECT state FROM ingest.runs WHERE run_id = $1", self.run_id)
        return state

    async def batch_state(self) -> str | None:
        """Give the state of the first batch of train in the first generation, None when it is not planned."""
        state: str | None = await self.admin.fetchval(
            "SELECT state FROM ingest.batches WHERE (generation, split, batch) = (1, 'train', 0)"
        )
        return state

    async def refusals(self, topics: str) -> list[str]:
        """Give, in order, why messages of some topics were parked so far; rows in quarantine are not among them."""
        rows = await self.admin.fetch(
            """
            SELECT convert_from(header_values[array_position(header_names, 'readmit_dlq_reason')], 'UTF8') AS reason
            FROM ingest.outbox
            WHERE topic LIKE $1 || '%.dlq' AND NOT 'readmit_row_no' = ANY (header_names)
            ORDER BY id
            """,
            topics,
        )
        return [row["reason"] for row in rows]


def outcome(before: str | None, after: str | None, refusals: Sequence[str]) -> str | NoChange | Refused:
    """Say what an event did, as the table says it: the state that followed, else the refusal, else no change."""
    if after is not None and after != before:
        return after
    return Refused(Reason(refusals[-1])) if refusals else NoChange()
