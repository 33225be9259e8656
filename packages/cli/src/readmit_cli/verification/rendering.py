"""Write what a check found: the terms of the sum, the digests, the verdict, and each difference."""

from collections.abc import Iterable
from typing import Any

import msgspec
from readmit_contracts.source import SPLITS
from rich.table import Table
from rich.text import Text

from readmit_cli.verification.findings import Report, Terms

SHOWN_DIFFERENCES = 25
_LABELS = {
    "planned": "planned",
    "published": "published",
    "stored": "= stored",
    "duplicate": "+ duplicate",
    "quarantined": "+ quarantined",
    "discarded": "+ discarded",
    "missing": "missing",
}


def as_dict(report: Report) -> dict[str, Any]:
    """Return the report for machines: its fields and the sum's terms, of each split and of the whole."""
    return {
        **msgspec.to_builtins(report),
        "terms": {split: _terms(report.terms(split)) for split in _splits(report)},
        "total": _terms(report.terms()),
    }


def terms_table(report: Report) -> Table:
    """Return the terms of the sum, a line for each term, a column for each split and one for the whole."""
    splits = _splits(report)
    table = Table("", box=None, pad_edge=False, header_style="bold")
    for name in (*splits, "total"):
        table.add_column(name, justify="right")
    counts = [sum(batch.split == split for batch in report.batches) for split in splits]
    table.add_row("batches", *(f"{count:,}" for count in (*counts, len(report.batches))))
    columns = [*(report.terms(split) for split in splits), report.terms()]
    for name, label in _LABELS.items():
        table.add_row(label, *(f"{getattr(terms, name):,}" for terms in columns))
    return table


def lines(report: Report, seconds: float) -> Iterable[Text]:
    """Yield the sum in words, the digests, the differences and the verdict."""
    total = report.terms()
    equal = "=" if total.published == total.accounted else "is not"
    yield Text(
        f"published {total.published:,} {equal} stored {total.stored:,} + duplicate {total.duplicate:,} + quarantined "
        f"{total.quarantined:,} + discarded {total.discarded:,}"
    )
    yield Text(f"dataset  {report.dataset_sha256}, number {report.dataset_no} in the tables")
    yield Text(f"batches  {report.batches_sha256 or 'no digest before every batch is clean'}")
    for difference in report.differences[:SHOWN_DIFFERENCES]:
        yield Text(f"  {difference}", style="red")
    hidden = report.differences_total - min(len(report.differences), SHOWN_DIFFERENCES)
    if hidden:
        yield Text(f"  and {hidden:,} more; --json lists the first {len(report.differences):,}", style="red")
    yield verdict(report, seconds)


def verdict(report: Report, seconds: float) -> Text:
    """Return the last line: whether the run is what it claims to be."""
    if report.verdict == "verified":
        return Text(
            f"verified  run {report.run_id}, {report.terms().published:,} rows in {seconds:.1f} s", style="green"
        )
    if report.verdict == "differs":
        return Text(f"NOT VERIFIED  run {report.run_id}: {report.differences_total:,} differences", style="bold red")
    unclean = [f"{batch.split} {batch.batch} ({batch.state})" for batch in report.batches if batch.state != "clean"]
    what = f"; not clean: {', '.join(unclean)}" if unclean else ""
    return Text(
        f"incomplete  run {report.run_id} is {report.run_state}: {report.terms().missing:,} rows missing{what}. "
        "What is there is as it must be.",
        style="yellow",
    )


def _splits(report: Report) -> list[Any]:
    return [split for split in SPLITS if any(batch.split == split for batch in report.batches)]


def _terms(terms: Terms) -> dict[str, int]:
    return {name: getattr(terms, name) for name in _LABELS}
