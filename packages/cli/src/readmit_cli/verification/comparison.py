"""Look closely at tables whose rows are not as they must be: which row, which column, and never which value."""

from collections import Counter
from collections.abc import Iterable, Sequence

from readmit_contracts.columns import COLUMNS
from readmit_contracts.tables import CLEAN_COLUMNS

from readmit_cli.verification.findings import Difference, Findings
from readmit_cli.verification.outcomes import Account
from readmit_cli.verification.records import CleanRow, RawRow
from readmit_cli.verification.source_batch import SourceBatch

RAW_NAMES = tuple(column.sql_name for column in COLUMNS)


def compare_raw(found: Account, rows: Sequence[RawRow], findings: Findings) -> None:
    """Report how the rows of the raw table differ from the source lines that must stand there."""
    batch = found.batch
    table = f"raw.{batch.split}"
    before = findings.total
    times = Counter(row.row_no for row in rows)
    for row_no in range(batch.first_row, batch.first_row + batch.rows):
        if found.expects(row_no) and not times[row_no]:
            findings.add(_at(batch, table, row_no, "the row is not there, and has no other outcome"))
    for row_no, count in times.items():
        if count > 1:
            findings.add(_at(batch, table, row_no, f"the row is there {count} times"))
    for row in rows:
        if not found.expects(row.row_no):
            findings.add(_at(batch, table, row.row_no, _why_not(found, row.row_no)))
            continue
        for column in _columns_that_differ(batch.line(row.row_no), row.texts):
            findings.add(_at(batch, table, row.row_no, "it is not what the source line says", column=column))
    if findings.total == before:
        findings.add(
            Difference(
                table=table,
                what="the rows read as bytes are not the source lines, though no column differs; look at this batch",
                split=batch.split,
                batch=batch.batch,
            )
        )


def compare_clean(batch: SourceBatch, rows: Iterable[CleanRow], findings: Findings) -> None:
    """Report how rows of the clean table differ from what the raw rows give."""
    table = f"clean.{batch.split}"
    for row in rows:
        if len(row.derived) == len(row.present) == 1:
            for column in _values_that_differ(row.derived[0], row.present[0]):
                findings.add(_at(batch, table, row.row_no, "it is not what the raw row gives", column=column))
        elif not row.present:
            findings.add(_at(batch, table, row.row_no, "the row is not there, though its raw row is"))
        elif not row.derived:
            findings.add(_at(batch, table, row.row_no, "the row is there without a raw row"))
        else:
            what = f"the row is there {len(row.present)} times, the raw table has it {len(row.derived)} times"
            findings.add(_at(batch, table, row.row_no, what))


def _why_not(found: Account, row_no: int) -> str:
    if not found.batch.holds(row_no):
        return "the source file has no such row"
    outcome = found.aside.get(row_no)
    if outcome is not None:
        return f"the row is stored although it is {outcome}"
    return "the row is stored, but its chunk is not in the ledger"


def _columns_that_differ(line: bytes, texts: Sequence[str]) -> list[str]:
    fields = line.split(b",")
    if len(fields) != len(texts):
        return list(RAW_NAMES)
    return [
        name
        for name, field, text in zip(RAW_NAMES, fields, texts, strict=True)
        if field != text.encode(errors="surrogatepass")
    ]


def _values_that_differ(derived: Sequence[object], present: Sequence[object]) -> list[str]:
    columns = zip(CLEAN_COLUMNS, derived, present, strict=True)
    return [name for name, expected, value in columns if expected != value]


def _at(batch: SourceBatch, table: str, row_no: int, what: str, *, column: str | None = None) -> Difference:
    return Difference(
        table=table,
        what=what,
        split=batch.split,
        batch=batch.batch,
        chunk=batch.chunk_of(row_no) if batch.holds(row_no) else None,
        row_no=row_no,
        column=column,
    )
