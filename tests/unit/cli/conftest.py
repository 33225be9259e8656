"""Fixtures of the command line's unit tests."""

import pytest
from readmit_cli.verification.source_batch import SourceBatch
from support.encounters import encounters


@pytest.fixture
def batch() -> SourceBatch:
    """Give the first train batch of a small dataset: more than 500 rows, so two chunks."""
    source = encounters(1_200)
    return SourceBatch.take(source, dataset_id=source.dataset_id, dataset_no=1, generation=1, split="train", batch=0)
