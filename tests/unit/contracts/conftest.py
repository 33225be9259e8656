"""Give tests the real encounter file, read once."""

import os
from pathlib import Path

import pytest
from readmit_contracts.source import SourceFile


@pytest.fixture(scope="session")
def real_file() -> SourceFile:
    """The file that READMIT_DATASET points to; without it the test is skipped."""
    path = os.environ.get("READMIT_DATASET")
    if not path:
        pytest.skip("READMIT_DATASET names no file; set it to the path of diabetic_data.csv")
    return SourceFile.read(Path(path))
