import re

from readmit_contracts.chunks import CHUNK_HEADER_LINE
from readmit_contracts.columns import COLUMNS, FILE_HEADER
from readmit_contracts.source import SPLITS
from readmit_contracts.tables import (
    CLEAN_COLUMNS,
    RAW_COLUMNS,
    clean_select,
    clean_table_ddl,
    content_expression,
    line_expression,
    raw_table_ddl,
)


def defined(ddl: str) -> list[str]:
    """Give the column definitions of a CREATE TABLE statement."""
    return [text.strip().removesuffix(",") for text in ddl.splitlines()[1:-2]]


def test_the_copy_list_is_the_chunk_header_by_sql_names() -> None:
    """COPY fills columns by position, so a swap would store each value under its neighbour's name."""
    names = {column.name: column.sql_name for column in COLUMNS}
    header = CHUNK_HEADER_LINE.decode().strip().split(",")
    assert tuple(names.get(name, name) for name in header) == RAW_COLUMNS
    assert FILE_HEADER.split(",") == header[2:]


def test_a_raw_table_has_the_copy_list_and_nothing_else() -> None:
    """A column more would be NULL for ever; nothing in a raw row is unknown, its markers are text."""
    for split in SPLITS:
        columns = defined(raw_table_ddl(split))
        assert tuple(text.split()[0] for text in columns) == RAW_COLUMNS
        assert all(text.endswith(" NOT NULL") for text in columns)
        assert f"CREATE TABLE raw.{split} (" in raw_table_ddl(split)
        assert "PRIMARY KEY (encounter_id)" in raw_table_ddl(split)


def test_a_raw_number_has_room_for_its_range() -> None:
    """A value that the rules let through must not abort the COPY of its whole group."""
    types = dict(text.split()[:2] for text in defined(raw_table_ddl("train")))
    room = {"smallint": 2**15 - 1, "integer": 2**31 - 1}
    for column in COLUMNS:
        if column.maximum is None:
            assert types[column.sql_name] == "text"
        else:
            assert column.maximum <= room[types[column.sql_name]]


def test_a_clean_column_is_nullable_exactly_where_the_file_may_not_know() -> None:
    """NULL is the one sign of unknown; a marker left as text would pass for a value."""
    for split in SPLITS:
        columns = defined(clean_table_ddl(split))
        assert tuple(text.split()[0] for text in columns) == CLEAN_COLUMNS
        nullable = {text.split()[0] for text in columns if not text.endswith(" NOT NULL")}
        assert nullable == {column.sql_name for column in COLUMNS if column.missing}


def test_clean_columns_have_the_documented_types() -> None:
    """Training reads them by type: brackets as ordinals, yes and no as booleans."""
    types = dict(text.split()[:2] for text in defined(clean_table_ddl("train")))
    assert {name: types[name] for name in ("age", "weight")} == {"age": "smallint", "weight": "smallint"}
    booleans = {name for name, kind in types.items() if kind == "boolean"}
    assert booleans == {"change", "diabetes_med", "readmitted_within_30_days"}
    assert types["readmitted"] == "text"


def test_clean_select_gives_the_clean_columns_in_order() -> None:
    """INSERT ... SELECT pairs the two lists by position."""
    for split in SPLITS:
        expressions = clean_select(split).split(",\n")
        names = [re.split(r" AS |\.", text.strip())[-1] for text in expressions]
        assert tuple(names) == CLEAN_COLUMNS


def test_clean_select_turns_markers_brackets_and_words_into_values() -> None:
    """These are the definitions of the clean table; a changed one is a changed dataset."""
    select = clean_select("test")
    assert "NULLIF(test.diag_1, '?') AS diag_1" in select
    assert "NULLIF(test.a1c_result, 'None') AS a1c_result" in select
    assert "NULLIF(test.gender, 'Unknown/Invalid') AS gender" in select
    assert "CASE test.age WHEN '[0-10)' THEN 0 WHEN '[10-20)' THEN 1" in select
    assert "WHEN '[175-200)' THEN 7 WHEN '>200' THEN 8 END)::smallint AS weight" in select
    assert "(test.change = 'Ch') AS change" in select
    assert "(test.diabetes_med = 'Yes') AS diabetes_med" in select
    assert "(test.readmitted = '<30') AS readmitted_within_30_days" in select


def test_the_line_expression_joins_the_copy_list() -> None:
    """Rows written back must be the bytes that came in."""
    assert line_expression() == f"concat_ws(',', {', '.join(RAW_COLUMNS)})"
    assert line_expression() in content_expression()
