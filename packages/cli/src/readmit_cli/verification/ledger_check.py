"""Compare the plan of a batch and its ledger rows with the chunks that the source file gives."""

from collections.abc import Sequence

from readmit_cli.verification.findings import Difference, Findings
from readmit_cli.verification.records import ChunkRecord
from readmit_cli.verification.source_batch import SourceBatch

PLAN = "ingest.planned_chunks"
LEDGER = "ingest.chunks"


def check(
    batch: SourceBatch, *, planned: Sequence[ChunkRecord], ledger: Sequence[ChunkRecord], findings: Findings
) -> frozenset[int]:
    """Report every chunk that is not as the source file has it; return the chunks that arrived."""
    _compare(batch, PLAN, planned, findings)
    _compare(batch, LEDGER, ledger, findings)
    for chunk in sorted({expected.chunk for expected in batch.chunks} - {record.chunk for record in planned}):
        findings.add(_difference(batch, PLAN, chunk, "the chunk is not planned"))
    return frozenset(record.chunk for record in ledger)


def _compare(batch: SourceBatch, table: str, records: Sequence[ChunkRecord], findings: Findings) -> None:
    expected = {chunk.chunk: chunk for chunk in batch.chunks}
    for record in records:
        chunk = expected.get(record.chunk)
        if chunk is None:
            findings.add(_difference(batch, table, record.chunk, "the source file has no such chunk"))
            continue
        if record.first_row not in (None, chunk.first_row):
            what = f"it begins at row {record.first_row}, the source file's chunk at row {chunk.first_row}"
            findings.add(_difference(batch, table, record.chunk, what, column="first_row"))
        if record.rows != chunk.rows:
            what = f"it has {record.rows} rows, the source file's chunk {chunk.rows}"
            findings.add(_difference(batch, table, record.chunk, what, column="rows"))
        if record.sha256 != chunk.sha256:
            what = "its digest is not the one of the source file's chunk"
            findings.add(_difference(batch, table, record.chunk, what, column="sha256"))


def _difference(batch: SourceBatch, table: str, chunk: int, what: str, *, column: str | None = None) -> Difference:
    return Difference(table=table, what=what, split=batch.split, batch=batch.batch, chunk=chunk, column=column)
