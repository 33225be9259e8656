"""Find the real dataset for the tests that measure on it."""

import os
from functools import cache
from pathlib import Path

import pytest
from readmit_contracts.source import DATASET_SHA256, SourceFile


@cache
def real_dataset() -> SourceFile:
    """Give the file that READMIT_DATASET names; skips the test when it names none or another file."""
    named = os.environ.get("READMIT_DATASET")
    if not named:
        pytest.skip("READMIT_DATASET does not name the real dataset file")
    source = SourceFile.read(Path(named))
    if source.sha256 != DATASET_SHA256:
        pytest.skip("READMIT_DATASET names a file that is not the real dataset")
    return source
