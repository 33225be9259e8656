"""A batch's counters and hash against what was counted and derived anew."""

import pytest
from readmit_cli.verification.counters import check_hash, check_terms
from readmit_cli.verification.findings import Findings, Terms
from readmit_cli.verification.records import BatchRecord

COUNTED = Terms(planned=10, published=10, stored=7, duplicate=1, quarantined=1, discarded=1)


def record(counted: Terms = COUNTED, sha256: str | None = "a") -> BatchRecord:
    """Give a clean batch with these counters."""
    return BatchRecord(generation=1, dataset_no=1, split="test", batch=3, state="clean", sha256=sha256, counted=counted)


def test_counters_that_agree_with_the_rows_are_no_difference():
    """Otherwise nothing could ever be verified."""
    findings = Findings()
    check_terms(record(), COUNTED, findings)
    assert findings.total == 0


@pytest.mark.parametrize(
    ("term", "column"),
    [
        ("planned", "planned_rows"),
        ("published", "published"),
        ("stored", "stored"),
        ("duplicate", "duplicate"),
        ("quarantined", "quarantined"),
        ("discarded", "discarded"),
    ],
)
def test_each_altered_counter_is_named(term, column):
    """Every term of the sum is counted from its effect, none taken on trust."""
    findings = Findings()
    altered = Terms(**{name: getattr(COUNTED, name) + (name == term) for name in Terms.__struct_fields__})
    check_terms(record(altered), COUNTED, findings)
    (difference,) = findings.kept
    assert (difference.split, difference.batch, difference.column) == ("test", 3, column)


def test_published_rows_without_an_outcome_are_a_difference():
    """The counters may agree with each other and still leave a row out."""
    lost = Terms(planned=10, published=10, stored=9)
    findings = Findings()
    check_terms(record(lost), lost, findings)
    (difference,) = findings.kept
    assert "10 rows are published, 9 have an outcome" in difference.what


def test_a_hash_is_compared_with_the_source_and_with_the_rows():
    """Either alone could be altered together with it."""
    findings = Findings()
    check_hash(record(), from_source="a", from_sql="a", findings=findings)
    assert findings.total == 0
    check_hash(record(), from_source="b", from_sql="a", findings=findings)
    check_hash(record(), from_source="a", from_sql="b", findings=findings)
    assert ["source" in difference.what for difference in findings.kept] == [True, False]


def test_a_batch_without_a_hash_yet_has_none_to_compare():
    """Only a clean batch has one."""
    findings = Findings()
    check_hash(record(sha256=None), from_source="b", from_sql="c", findings=findings)
    assert findings.total == 0


def test_differences_beyond_the_limit_are_counted_and_not_kept():
    """A store that was emptied by hand must not fill the memory with differences."""
    findings = Findings(keep=1)
    altered = Terms(planned=10, published=10, stored=6, duplicate=2, quarantined=1, discarded=1)
    check_terms(record(altered), COUNTED, findings)
    assert (len(findings.kept), findings.total) == (1, 2)
