"""Hold a training set as a Parquet file: the clean rows of every split, in one fixed order."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from readmit_contracts.columns import COLUMNS, Column
from readmit_contracts.source import SPLITS, Split
from readmit_contracts.tables import TARGET
from readmit_features.clean import clean_kind
from readmit_features.definition import SOURCES

ROW_GROUP_ROWS: Final = 20_000
_KEYS = ("dataset_no", "row_no", "patient_nbr", TARGET)


class FrameInvalid(Exception):
    """A frame that cannot be trained on; the text says what is wrong with it as a whole, never a row's value."""


class SplitRows(msgspec.Struct, frozen=True):
    """The rows of one split.

    `columns` are the features' clean source columns by SQL name, `labels` float64 0 or 1, `patients` int64; each of
    shape (rows,), ordered by dataset and row number.
    """

    columns: dict[str, NDArray[Any]]
    labels: NDArray[np.float64]
    patients: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def frame_schema() -> pa.Schema:
    """Return the frame's columns: `split`, then those of the clean tables."""
    fields = [pa.field("dataset_no", pa.int16(), nullable=False), pa.field("row_no", pa.int32(), nullable=False)]
    fields += [pa.field(column.sql_name, _type(column), nullable=bool(column.missing)) for column in COLUMNS]
    fields.append(pa.field(TARGET, pa.bool_(), nullable=False))
    return pa.schema([pa.field("split", pa.string(), nullable=False), *fields])


def _type(column: Column) -> pa.DataType:
    types = {"integer": pa.int32(), "bracket": pa.int16(), "flag": pa.bool_(), "text": pa.string()}
    return types[clean_kind(column)]


class FrameWriter:
    """Writes a frame row by row in bounded memory; the same rows in the same order give the same bytes.

    A context manager; the file appears under its name when the context ends without an error.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._schema = frame_schema()
        self._writer = pq.ParquetWriter(self._part, self._schema, compression="zstd")
        self._rows: list[tuple[object, ...]] = []

    def __enter__(self) -> "FrameWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._rows:
                self._flush(len(self._rows))
        finally:
            self._writer.close()
        if kind is None:
            self._part.replace(self._path)

    def add(self, split: Split, rows: Iterable[Sequence[object]]) -> None:
        """Add clean rows, each in the order of `CLEAN_COLUMNS`; the caller orders them by split, dataset and number."""
        for row in rows:
            self._rows.append((split, *row))
            if len(self._rows) == ROW_GROUP_ROWS:
                self._flush(ROW_GROUP_ROWS)

    def _flush(self, rows: int) -> None:
        columns = zip(*self._rows[:rows], strict=True)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, self._schema, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=ROW_GROUP_ROWS)
        del self._rows[:rows]


def read_frame(path: Path, *, splits: Sequence[Split] = SPLITS) -> dict[Split, SplitRows]:
    """Return the rows of these splits, an empty `SplitRows` for a split without any.

    Raises FrameInvalid when the file is no frame, or its rows are out of order.
    """
    names = ["split", *_KEYS, *SOURCES]
    try:
        if not pq.read_schema(path).equals(frame_schema()):
            raise FrameInvalid(f"{path.name} has other columns than a frame; write it again with this release.")
        table = pq.read_table(path, columns=names, use_threads=False, pre_buffer=False)
    except (OSError, pa.ArrowInvalid) as error:
        raise FrameInvalid(f"{path.name} cannot be read as Parquet; write it again.") from error
    split_of_row = _numpy(table, "split")
    return {split: _split_rows(table.filter(pa.array(split_of_row == split)), split) for split in splits}


def _split_rows(table: pa.Table, split: Split) -> SplitRows:
    order = _numpy(table, "dataset_no").astype(np.int64) * 2**32 + _numpy(table, "row_no")
    if np.any(np.diff(order) <= 0):
        raise FrameInvalid(
            f"The frame's {split} rows are not in ascending order; write them by dataset and row number."
        )
    return SplitRows(
        columns={name: _numpy(table, name) for name in SOURCES},
        labels=_numpy(table, TARGET).astype(np.float64),
        patients=_numpy(table, "patient_nbr").astype(np.int64),
    )


def _numpy(table: pa.Table, name: str) -> NDArray[Any]:
    array: NDArray[Any] = table.column(name).to_numpy()
    return array
