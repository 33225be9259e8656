"""Find for each row that arrived its one outcome: which rows must stand in the raw table, and which were set aside."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from readmit_contracts.columns import COLUMNS
from readmit_contracts.reasons import Reason
from readmit_contracts.rows import check_line

from readmit_cli.verification.findings import Difference, Findings
from readmit_cli.verification.records import AsideOutcome, AsideRow, Fault
from readmit_cli.verification.source_batch import SourceBatch

DUPLICATES = "ingest.duplicates"
QUARANTINE = "ingest.quarantine"


@dataclass(frozen=True)
class Account:
    """What the records say of a batch's rows: those that arrived and were not set aside must be stored."""

    batch: SourceBatch
    arrived: Set[int]
    aside: dict[int, AsideOutcome]

    def expects(self, row_no: int) -> bool:
        """Tell whether this row must stand in the raw table."""
        return self.has_arrived(row_no) and row_no not in self.aside

    def has_arrived(self, row_no: int) -> bool:
        """Tell whether the row's chunk is in the ledger."""
        return self.batch.holds(row_no) and self.batch.chunk_of(row_no) in self.arrived

    def stored_lines(self) -> bytes:
        """Return the chunk lines that the raw table must hold, in row order, each ended by LF."""
        parts = []
        for chunk, body in zip(self.batch.chunks, self.batch.bodies, strict=True):
            if chunk.chunk not in self.arrived:
                continue
            rows = range(chunk.first_row, chunk.first_row + chunk.rows)
            untouched = self.aside.keys().isdisjoint(rows)
            parts.append(body if untouched else self.batch.numbered(row for row in rows if row not in self.aside))
        return b"".join(parts)


def account(batch: SourceBatch, *, arrived: Set[int], aside: Sequence[AsideRow], findings: Findings) -> Account:
    """Compare each row set aside with the source file, and give the account of the batch.

    Reports rows set aside twice, before their chunk arrived, under another batch, with another content than the
    source line, or for a rule that it does not break.
    """
    outcomes: dict[int, AsideOutcome] = {}
    found = Account(batch, arrived, outcomes)
    for row in aside:
        what = _fault(found, row)
        if what is not None:
            findings.add(_difference(batch, row, what))
        outcomes[row.row_no] = row.outcome
    return found


def _fault(found: Account, row: AsideRow) -> str | None:
    batch = found.batch
    if not batch.holds(row.row_no):
        return "the source file has no such row"
    if row.row_no in found.aside:
        return f"the row is set aside twice, as {found.aside[row.row_no]} and as {row.outcome}"
    if not found.has_arrived(row.row_no):
        return "the row is set aside, but its chunk is not in the ledger"
    if row.batch != batch.batch:
        return f"the row is recorded under batch {row.batch}"
    if row.outcome == "duplicate" and row.kept is None:
        return "the row it repeats is not in the store"
    if row.kept != batch.line(row.row_no):
        return "the row it repeats is not equal to it" if row.outcome == "duplicate" else "its line is not the source's"
    if row.fault is not None and row.fault != _fault_of(batch.line(row.row_no), row.fault.reason):
        return "the line does not break the rule, or not in the column and with the value, that the record names"
    return None


def _fault_of(line: bytes, recorded: str) -> Fault | None:
    """Say what is wrong with a source line; of one without fault only the store can say that it conflicts."""
    broken = check_line(line)
    if broken is None:
        if recorded not in (Reason.ENCOUNTER_CONFLICT, Reason.OTHER_SPLIT):
            return None
        broken = Reason(recorded), COLUMNS[0].name
    reason, field = broken
    texts = dict(zip((column.name for column in COLUMNS), line.split(b","), strict=False))
    value = texts[field].decode(errors="backslashreplace").replace("\0", "\\x00") if field in texts else None
    return Fault(reason, field, value)


def _difference(batch: SourceBatch, row: AsideRow, what: str) -> Difference:
    held = batch.holds(row.row_no)
    return Difference(
        table=DUPLICATES if row.outcome == "duplicate" else QUARANTINE,
        what=what,
        split=batch.split,
        batch=batch.batch,
        chunk=batch.chunk_of(row.row_no) if held else None,
        row_no=row.row_no,
    )
