import numpy as np
import pytest
from readmit_contracts.columns import COLUMNS
from readmit_contracts.source import SPLITS
from readmit_features import RecordEncoder, clean_value, encode_table, fit_vocabularies
from readmit_features.definition import SOURCES
from support.real_dataset import real_dataset

pytestmark = pytest.mark.real_dataset


def test_both_executors_give_the_same_bits_on_every_row() -> None:
    """Trained by one and served by the other: 101,766 rows, not one bit apart."""
    records = {
        split: [dict(zip([c.name for c in COLUMNS], line.decode().split(","), strict=True)) for line in lines]
        for split, lines in real_dataset().by_split.items()
    }
    tables = {split: _table(records[split]) for split in SPLITS}
    vocabularies = fit_vocabularies(tables["train"])
    encoder = RecordEncoder(vocabularies)
    rows = 0
    for split in SPLITS:
        matrix = encode_table(tables[split], vocabularies)
        one_by_one = np.array([encoder.encode(record).copy() for record in records[split]])
        assert one_by_one.tobytes() == matrix.tobytes()
        rows += len(matrix)
    assert rows == 101_766


def _table(records: list[dict[str, str]]) -> dict[str, np.ndarray]:
    table = {}
    for column in COLUMNS:
        if column.sql_name in SOURCES:
            table[column.sql_name] = np.empty(len(records), dtype=object)
            table[column.sql_name][:] = [clean_value(column, record[column.name]) for record in records]
    return table
