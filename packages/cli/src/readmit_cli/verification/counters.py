"""Compare a batch's counters and hash with what was counted and derived anew."""

from readmit_cli.verification.findings import Difference, Findings, Terms
from readmit_cli.verification.records import BatchRecord

TABLE = "ingest.batches"
_COUNTERS = (
    ("planned", "planned_rows"),
    ("published", "published"),
    ("stored", "stored"),
    ("duplicate", "duplicate"),
    ("quarantined", "quarantined"),
    ("discarded", "discarded"),
)


def check_terms(batch: BatchRecord, recounted: Terms, findings: Findings) -> None:
    """Report each counter that is not the number of rows counted, and published rows without an outcome."""
    for term, column in _COUNTERS:
        claimed, counted = getattr(batch.counted, term), getattr(recounted, term)
        if claimed != counted:
            findings.add(_difference(batch, column, f"it says {claimed} rows, {counted} are there"))
    if recounted.published != recounted.accounted:
        what = f"{recounted.published} rows are published, {recounted.accounted} have an outcome"
        findings.add(_difference(batch, None, what))


def check_hash(batch: BatchRecord, *, from_source: str, from_sql: str, findings: Findings) -> None:
    """Report a content hash that the source lines, or the raw rows in SQL, do not give."""
    if batch.sha256 is None:
        return
    if batch.sha256 != from_source:
        findings.add(_difference(batch, "sha256", "it is not the content hash of the source lines"))
    if batch.sha256 != from_sql:
        findings.add(_difference(batch, "sha256", "it is not the content hash of the raw rows"))


def _difference(batch: BatchRecord, column: str | None, what: str) -> Difference:
    return Difference(table=TABLE, what=what, split=batch.split, batch=batch.batch, column=column)
