import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from predictor import strict_json
from predictor.encounter_body import Fault, find_faults, read_encounter
from predictor.problems import Refused
from readmit_contracts.columns import Column
from readmit_contracts.predictions import REQUEST_COLUMNS, Encounter, example_encounter
from readmit_contracts.reasons import Reason
from support.bad_requests import GOOD

ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(["?", "None", "No", "Steady", "Unknown/Invalid", "250.83", "V27", "E849.7", "[70-80)", "Norm"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def _values(column: Column) -> st.SearchStrategy[Any]:
    """Give values about the edge between right and wrong for this column."""
    if column.minimum is not None and column.maximum is not None:
        return st.one_of(st.integers(column.minimum - 2, column.maximum + 2), ODD_VALUES)
    if column.allowed is not None:
        return st.one_of(st.sampled_from(column.allowed), ODD_VALUES)
    return st.one_of(st.from_regex(column.pattern or "", fullmatch=True), ODD_VALUES)


@st.composite
def _encounters(draw: st.DrawFn) -> dict[str, Any]:
    """Give an encounter with some values changed, some fields gone and, at times, one too many."""
    encounter: dict[str, Any] = dict(example_encounter())
    for column in draw(st.lists(st.sampled_from(REQUEST_COLUMNS), max_size=4)):
        encounter[column.name] = draw(_values(column))
    for column in draw(st.lists(st.sampled_from(REQUEST_COLUMNS), max_size=2)):
        encounter.pop(column.name, None)
    if draw(st.booleans()) and draw(st.booleans()):
        encounter[draw(st.text(max_size=5))] = 1
    return encounter


def _is_accepted(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=Encounter)
    except msgspec.ValidationError:
        return False
    return True


@settings(deadline=None)
@given(encounter=_encounters())
def test_faults_are_found_exactly_where_the_contract_refuses(encounter: dict[str, Any]) -> None:
    """Two readings of one contract: the fast one decides, the other explains, and they must never differ."""
    body = json.dumps(encounter).encode()
    assert (find_faults(json.loads(body)) == ()) == _is_accepted(body)


MUTILATED = given(
    place=st.integers(0, len(GOOD)),
    length=st.integers(0, 20),
    inserted=st.one_of(
        st.binary(max_size=10),
        st.sampled_from([b"{", b"[", b'"', b"\\", b"\\u0000", b"\\ud800", b",", b":", b"null", b"NaN", b"1e999", b"-"]),
    ),
)


@settings(deadline=None)
@MUTILATED
def test_no_mutilated_body_gets_anything_but_a_refusal_or_an_encounter(
    place: int, length: int, inserted: bytes
) -> None:
    """An unforeseen error would be a 500 for what is the caller's fault."""
    body = GOOD[:place] + inserted + GOOD[place + length :]
    try:
        read_encounter(body)
        status = 200
    except Refused as refusal:
        status = refusal.kind.status
    assert status in (200, 400, 422)


@settings(deadline=None)
@MUTILATED
@example(place=len(GOOD) - 1, length=0, inserted=b', "age": "[70-80)"')
@example(place=1, length=0, inserted=b'"\\u0061ge": "[0-10)",')
def test_a_body_is_accepted_exactly_when_strict_json_and_the_contract_accept_it(
    place: int, length: int, inserted: bytes
) -> None:
    """The way that serves reads no field twice; the slow reading says what it has to come to."""
    body = GOOD[:place] + inserted + GOOD[place + length :]
    try:
        strict = find_faults(strict_json.parse(body)) == ()
    except (strict_json.Malformed, strict_json.Ambiguous):
        strict = False
    try:
        read_encounter(body)
        accepted = True
    except Refused:
        accepted = False
    assert accepted == strict


@settings(deadline=None)
@given(body=st.binary(max_size=200))
def test_strict_json_knows_only_two_errors(body: bytes) -> None:
    """The parser beneath has several, and whoever reads bodies should have to know two."""
    with suppress(strict_json.Malformed, strict_json.Ambiguous):
        strict_json.parse(body)


@settings(deadline=None)
@given(
    value=st.recursive(st.none() | st.booleans() | st.integers(-(10**19), 10**19) | st.text(), st.lists, max_leaves=20)
)
@example(value=-(10**19))
@example(value=10**19)
def test_strict_json_reads_what_json_writes(value: object) -> None:
    """Strictness must not cost a valid value."""
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    try:
        parsed = strict_json.parse(body)
    except strict_json.Ambiguous:
        assert "\\u0000" in body.decode()
    else:
        assert parsed == value


def test_the_faults_of_values_are_those_of_the_row_rules() -> None:
    """A value that one way into the system refuses is refused by the same name on the other."""
    for fault in (Fault.OUT_OF_RANGE, Fault.NOT_ALLOWED, Fault.PATTERN_MISMATCH):
        assert fault.value in set(Reason)


@pytest.mark.parametrize("column", REQUEST_COLUMNS, ids=lambda column: column.name)
def test_every_documented_value_is_accepted(column: Column) -> None:
    """What the documentation offers must work."""
    values: list[Any] = [*(column.allowed or ()), *column.missing]
    if column.minimum is not None:
        values += [column.minimum, column.maximum]
    for value in values:
        read_encounter(json.dumps({**example_encounter(), column.name: value}).encode())


@pytest.mark.parametrize("column", REQUEST_COLUMNS, ids=lambda column: column.name)
def test_no_value_of_a_request_holds_a_comma(column: Column) -> None:
    """Fields are counted by the commas between them."""
    assert not any("," in value for value in (*(column.allowed or ()), *column.missing))
    for value in ("a,b", ",", "250,1", "[70,80)"):
        with pytest.raises(Refused):
            read_encounter(json.dumps({**example_encounter(), column.name: value}).encode())
