"""Cut a dataset: which split a row belongs to, and which rows make a batch and a chunk.

These rules are part of a dataset's identity. A change of one gives every file another `dataset_id`.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from uuid import UUID, uuid5

import msgspec

from readmit_contracts.columns import FILE_HEADER
from readmit_contracts.ids import NAMESPACE
from readmit_contracts.reasons import Reason

Split = Literal["train", "validation", "test"]

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
SPLIT_SEED = "s0"
BATCH_ROWS = 15_000
CHUNK_ROWS = 500
CHUNK_MAX_BYTES = 512 * 1024  # half of what brokers and clients accept by default
DATASET_SHA256 = "0689e7ec031237dc63031b938805c48377748761a3b26acab621567afa24df97"


class DatasetInvalid(Exception):
    """The file cannot be planned: `reason` is the code, the text says what to change."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class BatchRange(msgspec.Struct, frozen=True):
    """One batch of a split: rows `first_row` to `first_row + rows - 1`, numbered within the split."""

    split: Split
    batch: int
    first_row: int
    rows: int


def split_of(patient_nbr: str) -> Split:
    """Return the split of every stay of this patient, by the SHA-256 of the number as it stands in the file."""
    text = f"{SPLIT_SEED}:{patient_nbr}".encode(errors="surrogateescape")
    bucket = int(hashlib.sha256(text).hexdigest()[:8], 16) % 100
    if bucket < 60:
        return "train"
    return "validation" if bucket < 80 else "test"


def dataset_id(file_sha256: str) -> UUID:
    """Return the id of the dataset that these rules cut from the file of this digest (64 hex digits)."""
    return uuid5(NAMESPACE, f"dataset:{file_sha256}:patient:{SPLIT_SEED}:60:80:{BATCH_ROWS}:{CHUNK_ROWS}")


class SourceFile(msgspec.Struct, frozen=True):
    """A dataset's file in memory, its lines by split and in file order."""

    sha256: str
    by_split: Mapping[Split, list[bytes]]

    @classmethod
    def read(cls, path: Path) -> "SourceFile":
        """Read the file at `path`; raises DatasetInvalid when it is absent, empty or of another header."""
        try:
            data = path.read_bytes()
        except OSError as error:
            detail = f"The dataset file {path} cannot be read ({error.strerror}); check the path and its permissions."
            raise DatasetInvalid(Reason.DATASET_MISSING, detail) from error
        return cls.parse(data)

    @classmethod
    def parse(cls, data: bytes) -> "SourceFile":
        """Cut a file's bytes into lines, ended by LF or CRLF, and these into splits; raises DatasetInvalid.

        Every line behind the header lands in a split, whatever stands in it: the field where the patient's number
        belongs decides, an empty one when the line has none.
        """
        header, *lines = data.split(b"\n")
        if header.removesuffix(b"\r") != FILE_HEADER.encode():
            detail = (
                "The dataset file's first line is not the header of the 50 columns (plain UTF-8, no byte order mark)."
            )
            raise DatasetInvalid(Reason.DATASET_HEADER, detail)
        if lines and not lines[-1]:
            lines.pop()
        if not lines:
            raise DatasetInvalid(Reason.DATASET_EMPTY, "The dataset file has a header and no rows.")
        return cls(hashlib.sha256(data).hexdigest(), _by_split(lines))

    @property
    def dataset_id(self) -> UUID:
        """The id of the dataset cut from this file."""
        return dataset_id(self.sha256)

    def lines(self, split: Split) -> list[bytes]:
        """Return the split's lines in file order, without line ends; the index is the row's number."""
        return self.by_split[split]

    def rows(self, split: Split) -> int:
        """Return how many rows the split has."""
        return len(self.by_split[split])

    def batches(self, split: Split) -> list[BatchRange]:
        """Return the split's batches in order; all but the last have `BATCH_ROWS` rows."""
        rows = self.rows(split)
        return [
            BatchRange(split, batch, first_row, min(BATCH_ROWS, rows - first_row))
            for batch, first_row in enumerate(range(0, rows, BATCH_ROWS))
        ]

    def batch_lines(self, batch: BatchRange) -> list[bytes]:
        """Return the lines of one batch, in order and without line ends."""
        return self.by_split[batch.split][batch.first_row : batch.first_row + batch.rows]


def _by_split(lines: list[bytes]) -> dict[Split, list[bytes]]:
    by_split: dict[Split, list[bytes]] = {split: [] for split in SPLITS}
    known: dict[bytes, Split] = {}
    for ended in lines:
        line = ended.removesuffix(b"\r")
        fields = line.split(b",", 2)
        patient = fields[1] if len(fields) > 1 else b""
        split = known.get(patient)
        if split is None:
            split = known[patient] = split_of(patient.decode(errors="surrogateescape"))
        by_split[split].append(line)
    return by_split
