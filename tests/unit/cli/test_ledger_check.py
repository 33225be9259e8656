"""The plan and the ledger of a batch against the source file's chunks."""

from readmit_cli.verification import ledger_check
from readmit_cli.verification.findings import Findings
from readmit_cli.verification.records import ChunkRecord
from readmit_cli.verification.source_batch import SourceBatch


def planned(batch: SourceBatch) -> list[ChunkRecord]:
    """Give the plan as the batch producer writes it."""
    return [ChunkRecord(chunk.chunk, chunk.rows, chunk.sha256, chunk.first_row) for chunk in batch.chunks]


def arrived(batch: SourceBatch) -> list[ChunkRecord]:
    """Give the ledger as the ingestor writes it when all has arrived."""
    return [record._replace(first_row=None) for record in planned(batch)]


def check(batch, plan, ledger):
    """Check, and give the chunks that arrived and the differences."""
    findings = Findings()
    chunks = ledger_check.check(batch, planned=plan, ledger=ledger, findings=findings)
    return chunks, findings.kept


def test_a_batch_that_is_as_planned_has_no_difference(batch):
    """Otherwise nothing could ever be verified."""
    assert check(batch, planned(batch), arrived(batch)) == ({0, 1}, [])


def test_a_chunk_that_has_not_arrived_is_no_difference(batch):
    """It is missing, and counted as missing."""
    assert check(batch, planned(batch), arrived(batch)[:1]) == ({0}, [])


def test_a_chunk_that_was_never_planned_is_named(batch):
    """The ingestor would park it for ever."""
    _, (difference,) = check(batch, planned(batch)[:1], arrived(batch)[:1])
    assert (difference.table, difference.chunk) == ("ingest.planned_chunks", 1)


def test_a_ledger_row_with_another_digest_is_named(batch):
    """The ledger claims bytes that the source file does not give."""
    ledger = arrived(batch)
    ledger[1] = ledger[1]._replace(sha256="0" * 64)
    _, (difference,) = check(batch, planned(batch), ledger)
    assert (difference.table, difference.chunk, difference.column) == ("ingest.chunks", 1, "sha256")


def test_a_plan_with_other_bounds_is_named(batch):
    """First row and number of rows say which rows a chunk accounts for."""
    plan = planned(batch)
    plan[1] = plan[1]._replace(first_row=499, rows=1)
    _, differences = check(batch, plan, arrived(batch))
    assert [difference.column for difference in differences] == ["first_row", "rows"]


def test_a_chunk_that_the_source_does_not_have_is_named(batch):
    """Rows that no file explains."""
    ledger = [*arrived(batch), ChunkRecord(2, 500, "0" * 64)]
    chunks, (difference,) = check(batch, planned(batch), ledger)
    assert chunks == {0, 1, 2}
    assert (difference.table, difference.chunk) == ("ingest.chunks", 2)
