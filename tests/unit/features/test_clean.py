import sqlite3
from collections.abc import Iterator

import pytest
from readmit_contracts.columns import COLUMNS, Column
from readmit_contracts.tables import CLEAN_COLUMNS, RAW_COLUMNS, clean_select
from readmit_features import ValueInvalid, clean_value
from readmit_features.clean import clean_kind

BRACKETS = [column for column in COLUMNS if clean_kind(column) == "bracket"]


def _values(column: Column) -> list[str]:
    """Give every value that the column's cleaning tells apart."""
    if column.allowed is not None:
        return list(column.allowed)
    return [*column.missing, column.example]


@pytest.fixture
def store() -> Iterator[sqlite3.Connection]:
    """A raw table in SQLite, which reads the clean table's expressions once the casts of Postgres are taken out."""
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE train ({', '.join(RAW_COLUMNS)})")
    yield connection
    connection.close()


def _clean_by_sql(store: sqlite3.Connection, column: Column, text: str) -> object:
    values = {other.sql_name: other.example for other in COLUMNS} | {column.sql_name: text}
    raw = [1, 0, *(int(values[c.sql_name]) if c.kind == "integer" else values[c.sql_name] for c in COLUMNS)]
    store.execute("DELETE FROM train")
    store.execute(f"INSERT INTO train VALUES ({', '.join('?' * len(raw))})", raw)  # question marks alone
    query = f"SELECT {clean_select('train').replace('::smallint', '')} FROM train"  # our own expressions
    row = dict(zip(CLEAN_COLUMNS, store.execute(query).fetchone(), strict=True))
    return row[column.sql_name]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.sql_name)
def test_a_record_is_cleaned_as_the_clean_table_is(store: sqlite3.Connection, column: Column) -> None:
    """The model is fitted on what SQL cleaned and asked with what this function cleaned."""
    for text in _values(column):
        assert clean_value(column, text) == _clean_by_sql(store, column, text)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.sql_name)
def test_null_and_every_marker_are_unknown(column: Column) -> None:
    """A caller may say unknown in two ways."""
    assert [clean_value(column, raw) for raw in (None, *column.missing)] == [None] * (1 + len(column.missing))


def test_an_integer_may_come_as_a_number_or_as_text() -> None:
    """Requests hold numbers, the file's lines hold their texts."""
    stay = next(column for column in COLUMNS if column.sql_name == "time_in_hospital")
    assert clean_value(stay, 7) == clean_value(stay, "7") == 7


@pytest.mark.parametrize("column", BRACKETS, ids=lambda column: column.sql_name)
def test_a_bracket_that_is_none_is_refused_without_echoing_it(column: Column) -> None:
    """A made-up age would otherwise be served as some age, and no error may hold a patient's value."""
    with pytest.raises(ValueInvalid, match=column.sql_name) as caught:
        clean_value(column, "secret")
    assert "secret" not in str(caught.value)


def test_a_text_where_an_integer_belongs_is_refused_without_echoing_it() -> None:
    """Python's own message would hold the value, also as the cause that a log prints."""
    stay = next(column for column in COLUMNS if column.sql_name == "time_in_hospital")
    with pytest.raises(ValueInvalid, match="time_in_hospital") as caught:
        clean_value(stay, "secret")
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__
