from typing import Any

import msgspec
import pytest
from readmit_contracts.columns import COLUMNS, Column, column
from readmit_contracts.predictions import (
    REQUEST_COLUMNS,
    Encounter,
    Problem,
    example_encounter,
)
from readmit_contracts.rows import check_value
from readmit_contracts.source import SourceFile

PROBES = ("", "?", "None", "No", "Ch", "250.01", "250\n", "V27", "0", "1", "31", "201", "-1", "[0-10)", ">200")

by_name = pytest.mark.parametrize("named", REQUEST_COLUMNS, ids=lambda named: named.sql_name)


def decode(request: dict[str, Any]) -> Encounter:
    """Read a request as the service does."""
    return msgspec.json.decode(msgspec.json.encode(request), type=Encounter)


def accepts(request: dict[str, Any]) -> bool:
    """Tell whether a request is an encounter."""
    try:
        decode(request)
    except msgspec.ValidationError:
        return False
    return True


def test_the_request_has_the_file_names_on_the_wire_and_the_sql_names_in_code() -> None:
    """A hospital sends what its file says; Python has no attribute with a hyphen."""
    encounter = decode(example_encounter())
    assert Encounter.__struct_fields__ == tuple(named.sql_name for named in REQUEST_COLUMNS)
    assert msgspec.to_builtins(encounter) == example_encounter()
    assert len(REQUEST_COLUMNS) == 47


@by_name
def test_a_field_may_be_left_out_exactly_where_the_file_may_not_know(named: Column) -> None:
    """A forgotten number must not count as zero; a test that was not done is honestly unknown."""
    request = example_encounter()
    del request[named.name]
    assert accepts(request) == bool(named.missing)
    if named.missing:
        assert getattr(decode(request), named.sql_name) == named.missing[0]


@by_name
@pytest.mark.parametrize("text", PROBES)
def test_the_request_accepts_what_the_row_rules_accept(named: Column, text: str) -> None:
    """An encounter that could be stored can be scored, and no other."""
    integer = named.kind == "integer"
    if integer and not text.removeprefix("-").isdecimal():
        return
    value = int(text) if integer else text
    assert accepts({**example_encounter(), named.name: value}) == (check_value(named, text) is None)


@pytest.mark.parametrize("value", [True, "4", 4.5, None, [4], 10**30])
def test_a_number_must_come_as_a_number(value: object) -> None:
    """Guessing a type hides the sender's mistake."""
    assert not accepts({**example_encounter(), "time_in_hospital": value})


@pytest.mark.parametrize("name", ["encounter_id", "patient_nbr", "readmitted", "a1c_result", "notes"])
def test_a_field_that_is_not_in_the_request_is_refused(name: str) -> None:
    """A misspelt name would otherwise count as left out, and an identifier would be taken in for nothing."""
    assert not accepts({**example_encounter(), name: "1"})


@pytest.mark.real_dataset
def test_encounters_of_the_real_file_are_good_requests(real_file: SourceFile) -> None:
    """What the model learned from can be asked about."""
    for line in real_file.lines("test")[::50]:
        texts = dict(zip((named.name for named in COLUMNS), line.decode().split(","), strict=True))
        request = {
            named.name: int(texts[named.name]) if named.kind == "integer" else texts[named.name]
            for named in REQUEST_COLUMNS
        }
        assert msgspec.to_builtins(decode(request)) == request


def test_the_request_schema_tells_each_field_with_description_example_and_rule() -> None:
    """The API's documentation is made of it."""
    _, components = msgspec.json.schema_components([Encounter])
    properties = components["Encounter"]["properties"]
    assert list(properties) == [named.name for named in REQUEST_COLUMNS]
    for named in REQUEST_COLUMNS:
        schema = properties[named.name]
        assert schema["description"].startswith(named.description)
        assert [str(example) for example in schema["examples"]] == [named.example]
        if named.kind == "integer":
            assert (schema["minimum"], schema["maximum"]) == (named.minimum, named.maximum)
        else:
            assert set(schema.get("enum", ())) == set(named.allowed or ())
    assert column("weight").missing == (properties["weight"]["default"],)


def test_a_problem_leaves_out_what_it_does_not_say() -> None:
    """An empty list of errors would read as a verdict on the fields."""
    assert msgspec.json.encode(Problem(title="No model", status=503, code="no_model")) == (
        b'{"title":"No model","status":503,"code":"no_model"}'
    )
