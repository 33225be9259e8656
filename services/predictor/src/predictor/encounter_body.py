"""Read the body of a prediction request: one raw encounter, or what is wrong with it, never with its values."""

from enum import StrEnum
from typing import get_type_hints

import msgspec
from readmit_contracts.columns import Column
from readmit_contracts.golden import Record
from readmit_contracts.predictions import REQUEST_COLUMNS, Encounter, FieldProblem
from readmit_contracts.reasons import Reason
from readmit_contracts.rows import check_value

from predictor import strict_json
from predictor.problems import ProblemKind, Refused

ROOT = "$"

_COLUMNS = {column.name: column for column in REQUEST_COLUMNS}
_MARKERS = tuple((column.sql_name, column.missing[0]) for column in REQUEST_COLUMNS if column.missing)
_KINDS = get_type_hints(Encounter, include_extras=True)
_GIVEN = msgspec.defstruct(
    "Given",
    [
        (column.sql_name, _KINDS[column.sql_name] | msgspec.UnsetType, msgspec.UNSET)
        if column.missing
        else (column.sql_name, _KINDS[column.sql_name])
        for column in REQUEST_COLUMNS
    ],
    kw_only=True,
    forbid_unknown_fields=True,
    rename={column.sql_name: column.name for column in REQUEST_COLUMNS},
)
"""An `Encounter` that tells what was left out."""
_READ = msgspec.json.Decoder(_GIVEN).decode


class Fault(StrEnum):
    """What can be wrong with a field; those of a value are named as in the row rules."""

    MISSING = "MISSING"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    WRONG_TYPE = "WRONG_TYPE"
    OUT_OF_RANGE = Reason.OUT_OF_RANGE
    NOT_ALLOWED = Reason.NOT_ALLOWED
    PATTERN_MISMATCH = Reason.PATTERN_MISMATCH
    TOO_FEW = "TOO_FEW"
    TOO_MANY = "TOO_MANY"


def read_encounter(body: bytes) -> Record:
    """Return the encounter's values by their SQL names, those left out as their markers.

    Raises Refused: 400 for what is not strict JSON, 422 with every field at fault. A field of another name is reported
    at its parent's path, because names come from the caller too.
    """
    try:
        encounter = msgspec.structs.asdict(_READ(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _refusal(body) from None
    given = len(encounter)
    for name, marker in _MARKERS:
        if encounter[name] is msgspec.UNSET:
            encounter[name] = marker
            given -= 1
    # No value that passed the check holds a comma, so every comma ends a field; of two fields of one name the decoder
    # takes the last and says nothing.
    if given != body.count(b",") + 1:
        raise Refused(ProblemKind.AMBIGUOUS)
    return encounter


def _refusal(body: bytes) -> Refused:
    faults = find_faults(_parse(body)) or (FieldProblem(path=ROOT, reason=Fault.WRONG_TYPE),)
    return Refused(ProblemKind.INVALID_ENCOUNTER, errors=faults)


def _parse(body: bytes) -> object:
    try:
        return strict_json.parse(body)
    except strict_json.Malformed:
        raise Refused(ProblemKind.MALFORMED) from None
    except strict_json.Ambiguous:
        raise Refused(ProblemKind.AMBIGUOUS) from None


def find_faults(value: object) -> tuple[FieldProblem, ...]:
    """Return what is wrong with a parsed encounter, in the order of the columns; empty exactly for a valid one."""
    if not isinstance(value, dict):
        return (FieldProblem(path=ROOT, reason=Fault.WRONG_TYPE),)
    found = [(f"{ROOT}.{name}", _fault(column, value)) for name, column in _COLUMNS.items()]
    if not value.keys() <= _COLUMNS.keys():
        found.append((ROOT, Fault.UNKNOWN_FIELD))
    return tuple(FieldProblem(path=path, reason=fault) for path, fault in found if fault is not None)


def _fault(column: Column, fields: dict[str, object]) -> Fault | None:
    if column.name not in fields:
        return None if column.missing else Fault.MISSING
    value = fields[column.name]
    if type(value) is not (int if column.kind == "integer" else str):  # exactly: bool is an int to isinstance
        return Fault.WRONG_TYPE
    reason = check_value(column, str(value))
    # a negative number is no canonical integer of the file; here it is a number out of range
    return None if reason is None else Fault.OUT_OF_RANGE if column.kind == "integer" else Fault(reason)
