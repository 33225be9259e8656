"""Find the dataset's file that the store is checked against."""

import os
from collections.abc import Callable
from pathlib import Path

from readmit_contracts.source import DATASET_SHA256, SourceFile
from readmit_runtime.dataset_location import locate_dataset

from readmit_cli.stack.checkout import Checkout


def find_source(dataset: Path | None, announce: Callable[[str], None]) -> SourceFile:
    """Read the file at `dataset`, by default the one that the local stack uses; raises DatasetInvalid, StackError."""
    if dataset is not None:
        return SourceFile.read(dataset)
    checkout = Checkout.find()
    found = locate_dataset(state=checkout.installed, checkout=checkout.root, environ=os.environ, announce=announce)
    return SourceFile.read(found.path)


def is_real(source: SourceFile) -> bool:
    """Tell whether the file is the real dataset; what is learned from any other says nothing about patients."""
    return source.sha256 == DATASET_SHA256
