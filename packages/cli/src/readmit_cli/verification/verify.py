"""Check a run: every row, counter and hash of its batches against the source file, in one snapshot of the store."""

from collections.abc import Callable, Sequence
from uuid import UUID

from readmit_contracts.batches import BatchRef, batches_sha256, content_sha256
from readmit_contracts.source import SourceFile

from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.verification import comparison, counters, ledger_check, selection_check
from readmit_cli.verification.findings import (
    KEPT_DIFFERENCES,
    BatchReport,
    Difference,
    Findings,
    Report,
    Terms,
    Verdict,
)
from readmit_cli.verification.outcomes import account
from readmit_cli.verification.records import AsideRow, BatchRecord, ChunkRecord, RunRecord
from readmit_cli.verification.source_batch import SourceBatch
from readmit_cli.verification.store import AuditStore

OnProgress = Callable[[int, int], None]
"""Hears the rows checked so far and the rows there are to check."""


async def find_run(store: AuditStore, run_id: UUID) -> RunRecord:
    """Return the run; raises CommandFailed when there is none, or when the store was reset since."""
    run = await store.run(run_id)
    if run is None:
        raise CommandFailed(f"There is no run {run_id}; `readmit ingest status` lists them.", code=ExitCode.USAGE)
    if run.generation != run.store_generation:
        raise CommandFailed(
            f"The store was reset since run {run_id}: it wrote generation {run.generation}, the store is now in "
            f"generation {run.store_generation}. Its rows are gone, so there is nothing to compare; start a new run.",
            code=ExitCode.STORE_RESET,
        )
    return run


async def verify_run(store: AuditStore, run: RunRecord, source: SourceFile, on_progress: OnProgress) -> Report:
    """Check every batch of the run; raises CommandFailed when `source` is not the file that the run read."""
    if source.sha256 != run.file_sha256:
        raise CommandFailed(
            f"Run {run.run_id} read the file with the sha256 {run.file_sha256}, this one has {source.sha256}; "
            "name the right file with --dataset."
        )
    findings = Findings()
    _check_dataset(run, source, findings)
    batches = await store.batches(run)
    selection_check.check(run, batches, source, findings)
    to_check = sum(batch.counted.planned for batch in batches)
    on_progress(0, to_check)
    reports: list[BatchReport] = []
    checked = 0
    for batch in batches:
        reports.append(await _verify_batch(store, run, batch, source, findings))
        checked += batch.counted.planned
        on_progress(checked, to_check)
    for stray in await store.strays(run.generation):
        findings.add(Difference(table=stray.table, what=f"{stray.rows} rows belong to no batch of the store"))
    _check_completion(run, reports, findings)
    return Report(
        run_id=run.run_id,
        run_state=run.state,
        generation=run.generation,
        dataset_id=run.dataset_id,
        dataset_no=run.dataset_no,
        dataset_sha256=source.sha256,
        batches=tuple(reports),
        batches_sha256=_digest(run, reports),
        differences=tuple(findings.kept),
        differences_total=findings.total,
        verdict=_verdict(run, findings),
    )


async def _verify_batch(
    store: AuditStore, run: RunRecord, batch: BatchRecord, source: SourceFile, findings: Findings
) -> BatchReport:
    taken = SourceBatch.take(
        source,
        dataset_id=run.dataset_id,
        dataset_no=run.dataset_no,
        generation=run.generation,
        split=batch.split,
        batch=batch.batch,
    )
    ledger = await store.ledger(batch)
    planned = await store.planned_chunks(batch)
    arrived = ledger_check.check(taken, planned=planned, ledger=ledger, findings=findings)
    aside = await store.aside(batch)
    found = account(taken, arrived=arrived, aside=aside, findings=findings)
    expected = found.stored_lines()
    if await store.raw_lines(batch) != expected:
        comparison.compare_raw(found, await store.raw_rows(batch), findings)
    stored, hash_in_sql = await store.content(batch)
    comparison.compare_clean(taken, await store.clean_differences(batch, KEPT_DIFFERENCES), findings)
    terms = _recount(taken, ledger, aside, stored)
    counters.check_terms(batch, terms, findings)
    hash_of_source = content_sha256(expected.split(b"\n")[:-1])
    counters.check_hash(batch, from_source=hash_of_source, from_sql=hash_in_sql, findings=findings)
    return BatchReport(split=batch.split, batch=batch.batch, state=batch.state, terms=terms, sha256=hash_of_source)


def _recount(taken: SourceBatch, ledger: Sequence[ChunkRecord], aside: Sequence[AsideRow], stored: int) -> Terms:
    outcomes = [row.outcome for row in aside]
    return Terms(
        planned=taken.rows,
        published=sum(chunk.rows for chunk in ledger),
        stored=stored,
        duplicate=outcomes.count("duplicate"),
        quarantined=outcomes.count("quarantined"),
        discarded=outcomes.count("discarded"),
    )


def _check_dataset(run: RunRecord, source: SourceFile, findings: Findings) -> None:
    if run.dataset_id != source.dataset_id:
        findings.add(
            Difference(
                table="ingest.datasets", what="it is not the id that the file and its rules give", column="dataset_id"
            )
        )
    rows = sum(len(lines) for lines in source.by_split.values())
    if run.dataset_rows != rows:
        what = f"it says {run.dataset_rows} rows, the source file has {rows}"
        findings.add(Difference(table="ingest.datasets", what=what, column="rows"))


def _check_completion(run: RunRecord, reports: Sequence[BatchReport], findings: Findings) -> None:
    if run.state != "completed":
        return
    for report in reports:
        if report.state != "clean":
            what = f"the run is completed, but this batch is {report.state}"
            findings.add(Difference(table="ingest.runs", what=what, split=report.split, batch=report.batch))


def _digest(run: RunRecord, reports: Sequence[BatchReport]) -> str | None:
    if any(report.state != "clean" for report in reports):
        return None
    return batches_sha256(
        BatchRef(
            dataset_id=run.dataset_id,
            dataset_no=run.dataset_no,
            split=report.split,
            batch=report.batch,
            rows=report.terms.stored,
            sha256=report.sha256,
        )
        for report in reports
    )


def _verdict(run: RunRecord, findings: Findings) -> Verdict:
    if findings.total:
        return "differs"
    return "verified" if run.state == "completed" else "incomplete"
