"""Let through what the trainer acts on; what other readers are addressed by costs no row."""

from collections.abc import Awaitable, Callable, Collection, Sequence

from readmit_contracts.envelope import EnvelopeInvalid, from_headers
from readmit_contracts.events import IngestionCompleted, StoreReset
from readmit_contracts.registry import ce_type
from readmit_contracts.topics import INGESTION_EVENTS, MODELS_COMMANDS, TRAINING_COMMANDS
from readmit_runtime.messages import IncomingRecord

TOPICS = (INGESTION_EVENTS.name, TRAINING_COMMANDS.name, MODELS_COMMANDS.name)
WANTED_EVENTS = frozenset({ce_type(IngestionCompleted), ce_type(StoreReset)})

Handle = Callable[[Sequence[IncomingRecord]], Awaitable[None]]


class Intake:
    """The handler of the trainer's consumer: drops events of no concern, gives the rest to `handle` in order."""

    def __init__(self, handle: Handle, *, wanted: Collection[str] = WANTED_EVENTS) -> None:
        self._handle = handle
        self._wanted = wanted

    async def __call__(self, records: Sequence[IncomingRecord]) -> None:
        """Handle a group's records; raises what `handle` raises."""
        kept = [record for record in records if self._concerns(record)]
        if kept:
            await self._handle(kept)

    def _concerns(self, record: IncomingRecord) -> bool:
        if record.topic != INGESTION_EVENTS.name:
            return True
        try:
            return from_headers(record.headers).type in self._wanted
        except EnvelopeInvalid:
            return True  # to be parked
