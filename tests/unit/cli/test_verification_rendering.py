"""What `readmit ingest verify` prints."""

from uuid import UUID

from readmit_cli.verification import rendering
from readmit_cli.verification.findings import BatchReport, Difference, Report, Terms
from rich.console import Console

RUN_ID = UUID("5a4dfe2c-8a3b-5a39-8f11-0e4c2f6b7a02")


def batch(split="train", number=0, state="clean", **terms) -> BatchReport:
    """Give a batch of ten rows, all stored unless said otherwise."""
    counted = {"planned": 10, "published": 10, "stored": 10, **terms}
    return BatchReport(split=split, batch=number, state=state, terms=Terms(**counted), sha256="c" * 64)


def report(*batches, verdict="verified", differences=(), total=None, run_state="completed") -> Report:
    """Give a report over these batches."""
    return Report(
        run_id=RUN_ID,
        run_state=run_state,
        generation=1,
        dataset_id=RUN_ID,
        dataset_no=1,
        dataset_sha256="d" * 64,
        batches=batches,
        batches_sha256="e" * 64,
        differences=differences,
        differences_total=len(differences) if total is None else total,
        verdict=verdict,
    )


def printed(found: Report) -> str:
    """Give all that is printed."""
    console = Console(width=200)
    with console.capture() as capture:
        console.print(rendering.terms_table(found))
        for line in rendering.lines(found, 1.5):
            console.print(line, soft_wrap=True)
    return capture.get()


def test_the_terms_are_summed_for_each_split_and_for_the_whole():
    """This is the sum that the design promises."""
    found = report(batch(), batch(number=1, stored=8, duplicate=1, quarantined=1), batch("test"))
    fields = rendering.as_dict(found)
    assert fields["terms"]["train"]["stored"] == 18
    assert fields["total"] == {
        "planned": 30,
        "published": 30,
        "stored": 28,
        "duplicate": 1,
        "quarantined": 1,
        "discarded": 0,
        "missing": 0,
    }
    assert list(fields["terms"]) == ["train", "test"]


def test_a_verified_run_shows_the_sum_the_digests_and_the_word():
    """Scripts and people look for the same word."""
    shown = printed(report(batch(), batch("validation"), batch("test")))
    assert "published 30 = stored 30 + duplicate 0 + quarantined 0 + discarded 0" in shown
    assert "d" * 64 in shown
    assert "e" * 64 in shown
    assert "verified  run" in shown.splitlines()[-1]


def test_a_sum_that_does_not_come_out_is_not_written_as_an_equation():
    """A sign of equality that is false would be read as proof."""
    assert "published 10 is not stored 9" in printed(report(batch(stored=9), verdict="differs", total=1))


def test_differences_are_named_one_by_one_and_many_are_counted():
    """A screen full of rows helps nobody."""
    differences = tuple(
        Difference(table="raw.train", what="gone", split="train", batch=0, chunk=0, row_no=row_no, column="race")
        for row_no in range(100)
    )
    shown = printed(report(batch(), verdict="differs", differences=differences, total=5_000))
    assert "raw.train: train, batch 0, chunk 0, row 3, column race: gone" in shown
    assert "and 4,975 more" in shown
    assert "NOT VERIFIED" in shown


def test_an_incomplete_run_says_what_is_missing_and_which_batches_are_not_clean():
    """It is no failure of the store, and no proof either."""
    found = report(
        batch(), batch(number=1, state="planned", published=4, stored=4), verdict="incomplete", run_state="cancelled"
    )
    shown = printed(found)
    assert "is cancelled: 6 rows missing; not clean: train 1 (planned)" in shown
    assert "verified" not in shown
