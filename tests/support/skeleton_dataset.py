"""Make dataset files for tests of planning and streaming: as many rows per split as wanted, two fields each.

Neither planning nor streaming looks behind the patient's number, so such files are cut as real ones are, and fast.
"""

from functools import cache
from itertools import count
from pathlib import Path

from readmit_contracts.columns import FILE_HEADER
from readmit_contracts.source import SPLITS, Split, split_of


@cache
def patient_of(split: Split) -> str:
    """Give a patient whose stays belong to the split."""
    return next(str(number) for number in count(1) if split_of(str(number)) == split)


def skeleton(*, train: int = 0, validation: int = 0, test: int = 0, first: int = 1) -> bytes:
    """Give a file's bytes; encounters are numbered from `first`, split by split."""
    wanted = dict(zip(SPLITS, (train, validation, test), strict=True))
    splits = [split for split, rows in wanted.items() for _ in range(rows)]
    lines = [f"{number},{patient_of(split)}" for number, split in enumerate(splits, first)]
    return "\n".join([FILE_HEADER, *lines, ""]).encode()


def write_skeleton(path: Path, *, train: int = 0, validation: int = 0, test: int = 0, first: int = 1) -> Path:
    """Write such a file and give its path back."""
    path.write_bytes(skeleton(train=train, validation=validation, test=test, first=first))
    return path
