"""Cut a segment's records into the messages that ship them, always at the same places and with the same bytes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from readmit_contracts import envelope as wire
from readmit_contracts import ids
from readmit_contracts.envelope import Envelope
from readmit_contracts.events import PredictionsMade
from readmit_contracts.registry import ce_type
from readmit_contracts.topics import PREDICTIONS
from readmit_runtime.messages import OutgoingRecord

from predictor.delivery import SOURCE

# The ledger knows a chunk by its number: a release that cuts elsewhere has to give its segments another ending.
CHUNK_RECORDS = 200
CHUNK_BYTES = 512 * 1024

_TYPE = ce_type(PredictionsMade)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some of a segment's records, as they were appended, and their place among the segment's chunks."""

    number: int
    records: tuple[bytes, ...]

    def message(self, replica: str, segment: UUID) -> OutgoingRecord:
        """Return the message; the same chunk gives the same bytes. Raises MessageInvalid for what no reader takes."""
        value = b'{"replica":"%s","segment":"%s","chunk":%d,"records":[%s]}' % (
            replica.encode(),
            str(segment).encode(),
            self.number,
            b",".join(self.records),
        )
        made = cast("PredictionsMade", wire.decode(_TYPE, value))
        envelope = Envelope(
            id=ids.event_id(_TYPE, replica, segment, self.number), type=_TYPE, source=SOURCE, time=made.records[0].at
        )
        return OutgoingRecord(PREDICTIONS.name, made.key().encode(), value, wire.to_headers(envelope))


def cut(records: Iterable[bytes]) -> Iterator[Chunk]:
    """Yield the chunks: `CHUNK_RECORDS` records each, fewer where they would be above `CHUNK_BYTES` together."""
    number, size = 0, 0
    part: list[bytes] = []
    for record in records:
        if len(part) == CHUNK_RECORDS or (part and size + len(record) > CHUNK_BYTES):
            yield Chunk(number, tuple(part))
            number, size, part = number + 1, 0, []
        part.append(record)
        size += len(record)
    if part:
        yield Chunk(number, tuple(part))
