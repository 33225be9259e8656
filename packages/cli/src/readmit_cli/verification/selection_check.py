"""Compare the batches that a run has with those that it was asked for."""

from collections.abc import Sequence

from readmit_contracts.commands import BatchSelection, NextBatches
from readmit_contracts.source import SPLITS, SourceFile, Split

from readmit_cli.verification.findings import Difference, Findings
from readmit_cli.verification.records import BatchRecord, RunRecord

TABLE = "ingest.run_batches"


def check(run: RunRecord, batches: Sequence[BatchRecord], source: SourceFile, findings: Findings) -> None:
    """Report batches that the run lacks, and those that nobody asked for.

    Of the next so many batches only the number can be checked: which ones they were depended on the store then.
    """
    for split in SPLITS:
        present = {batch.batch for batch in batches if batch.split == split}
        asked = run.requested.get(split)
        if isinstance(asked, NextBatches):
            if len(present) > asked.next:
                what = f"the run has {len(present)} batches and asked for the next {asked.next}"
                findings.add(Difference(table=TABLE, what=what, split=split))
            continue
        expected = _expected(split, asked, source)
        for batch in sorted(expected - present):
            findings.add(Difference(table=TABLE, what="the run asked for it and lacks it", split=split, batch=batch))
        for batch in sorted(present - expected):
            findings.add(Difference(table=TABLE, what="the run has it and did not ask", split=split, batch=batch))


def _expected(split: Split, asked: BatchSelection | None, source: SourceFile) -> set[int]:
    if asked == "all":
        return {batch.batch for batch in source.batches(split)}
    return set() if asked is None or isinstance(asked, NextBatches) else {int(batch) for batch in asked}
