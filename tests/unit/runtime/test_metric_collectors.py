"""A histogram of ours says what the library's own would say of the same values."""

import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, disable_created_metrics, generate_latest
from readmit_runtime.metric_collectors import Histogram

NAME = "readmit_ingestor_copy_duration_seconds"
HELP = "One COPY."
BUCKETS = (0.01, 0.1, 1.0)


@given(values=st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 2) | st.sampled_from(BUCKETS)), max_size=30))
def test_the_text_is_the_librarys_own(values: list[tuple[str, float]]) -> None:
    """Prometheus must not be able to tell; a bound belongs to its bucket."""
    disable_created_metrics()
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    expected = prometheus_client.Histogram(NAME, HELP, ["split"], registry=theirs, buckets=BUCKETS)
    histogram = Histogram(NAME, HELP, ("split",), BUCKETS)
    ours.register(histogram)
    for split, value in values:
        expected.labels(split).observe(value)
        histogram.labels(split).observe(value)
    assert generate_latest(ours) == generate_latest(theirs)


def test_a_value_above_all_bounds_counts_in_the_last_bucket() -> None:
    """What is slow beyond expectation is what is looked for."""
    registry = CollectorRegistry()
    histogram = Histogram(NAME, HELP, (), BUCKETS)
    registry.register(histogram)
    assert registry.get_sample_value(f"{NAME}_count") == 0
    histogram.labels().observe(50.0)
    assert registry.get_sample_value(f"{NAME}_bucket", {"le": "1.0"}) == 0
    assert registry.get_sample_value(f"{NAME}_bucket", {"le": "+Inf"}) == 1
    assert registry.get_sample_value(f"{NAME}_sum") == 50.0


def test_labels_of_another_number_are_refused_by_name() -> None:
    """A series with a label too few would be another metric."""
    with pytest.raises(ValueError, match="copy_duration_seconds has the labels split"):
        Histogram(NAME, HELP, ("split",), BUCKETS).labels()


def test_a_name_is_registered_once() -> None:
    """Two meanings under one name can't be told apart again."""
    registry = CollectorRegistry()
    registry.register(Histogram(NAME, HELP, (), BUCKETS))
    with pytest.raises(ValueError, match="Duplicated"):
        registry.register(Histogram(NAME, HELP, (), BUCKETS))
