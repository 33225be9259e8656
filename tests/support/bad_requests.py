"""List what a prediction request can do wrong, single or a batch, with the exact answer to each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from predictor.problems import ProblemKind
from readmit_contracts.predictions import MAX_ENCOUNTERS, REQUEST_COLUMNS, example_encounter
from support.predictor_rig import BODY_BYTES

CANARY = "CANARY-4711"
BATCH = "/v1/predict/batch"
JSON = {"content-type": "application/json"}
GOOD = json.dumps(example_encounter()).encode()


@dataclass(frozen=True)
class Case:
    """A body and what is to be answered: status, code, and (path, reason) of each fault."""

    name: str
    body: bytes
    status: int
    code: str
    faults: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    path: str = "/v1/predict"


def _with(**values: object) -> bytes:
    return json.dumps({**example_encounter(), **values}).encode()


def _raw(name: str, text: bytes) -> bytes:
    """Give a good body in which one field has this text as its value."""
    marker = json.dumps("MARKER").encode()
    return _with(**{name: "MARKER"}).replace(marker, text)


def _without(*names: str) -> bytes:
    return json.dumps({name: value for name, value in example_encounter().items() if name not in names}).encode()


def _malformed(name: str, body: bytes) -> Case:
    return Case(name, body, 400, "MALFORMED")


def _ambiguous(name: str, body: bytes) -> Case:
    return Case(name, body, 400, "AMBIGUOUS")


def _invalid(name: str, body: bytes, *faults: tuple[str, str]) -> Case:
    return Case(name, body, 422, "INVALID_ENCOUNTER", faults)


def _in_a_batch(case: Case) -> Case:
    """Give a batch in which the second of three items is at fault."""
    faults = tuple(("$[1]" + path.removeprefix("$"), reason) for path, reason in case.faults)
    body = b"[" + GOOD + b"," + case.body + b"," + GOOD + b"]"
    return replace(case, name=f"{case.name}, in a batch", body=body, faults=faults, path=BATCH)


def _no_batch(name: str, code: str, body: bytes, *faults: tuple[str, str]) -> Case:
    return Case(name, body, ProblemKind[code].status, code, faults, path=BATCH)


def _unsupported(name: str, headers: Mapping[str, str], *, code: str = "UNSUPPORTED_TYPE") -> Case:
    return Case(name, GOOD, 415, code, headers=headers)


NOT_JSON = [
    _malformed("empty", b""),
    _malformed("blank", b"   "),
    _malformed("text", CANARY.encode()),
    _malformed("cut short", GOOD[:-1]),
    _malformed("trailing bytes", GOOD + b" x"),
    _malformed("two documents", GOOD + GOOD),
    _malformed("byte order mark", b"\xef\xbb\xbf" + GOOD),
    _malformed("UTF-16", GOOD.decode().encode("utf-16")),
    _malformed("UTF-16 without a mark", GOOD.decode().encode("utf-16-le")),
    _malformed("UTF-32", GOOD.decode().encode("utf-32")),
    _malformed("invalid UTF-8 in a value", _raw("payer_code", b'"\xff"')),
    _malformed("invalid UTF-8 in a name", GOOD.replace(b'"age"', b'"\xc3\x28"')),
    _malformed("UTF-8 of a surrogate", _raw("payer_code", b'"\xed\xa0\x80"')),
    _malformed("overlong UTF-8", _raw("payer_code", b'"\xc0\xaf"')),
    _malformed("NaN", _raw("num_procedures", b"NaN")),
    _malformed("Infinity", _raw("num_procedures", b"Infinity")),
    _malformed("-Infinity", _raw("num_procedures", b"-Infinity")),
    _malformed("lone high surrogate", _raw("payer_code", b'"\\ud800"')),
    _malformed("lone low surrogate", _raw("payer_code", b'"\\udc00"')),
    _malformed("lone surrogate in a name", GOOD.replace(b'"age"', b'"\\ud800"')),
    _malformed("raw control character", _raw("payer_code", b'"\x01"')),
    _malformed("raw line feed", _raw("payer_code", b'"a\nb"')),
    _malformed("raw NUL", _raw("payer_code", b'"\x00"')),
    _malformed("NUL after the end", GOOD + b"\x00"),
    _malformed("single quotes", GOOD.replace(b'"', b"'")),
    _malformed("a comment", GOOD + b"// done"),
    _malformed("a trailing comma", GOOD[:-1] + b",}"),
    _malformed("a leading zero", _raw("num_procedures", b"01")),
    _malformed("a plus sign", _raw("num_procedures", b"+1")),
    _malformed("a bare point", _raw("num_procedures", b"1.")),
    _malformed("a hex number", _raw("num_procedures", b"0x1")),
    _malformed("an unknown escape", _raw("payer_code", b'"\\x41"')),
    _malformed("True of Python", _raw("num_procedures", b"True")),
    _malformed("a form", b"age=70"),
    *(_malformed(f"{depth:,} open brackets", b"[" * depth) for depth in (1_000, 60_000)),
    *(_malformed(f"nested {depth:,} deep", b"[" * depth + b"]" * depth) for depth in (1_100, 30_000)),
    _malformed("objects nested 10,000 deep", b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    _malformed("an unknown field nested too deep", GOOD[:-1] + b', "x":' + b"[" * 9_000 + b"]" * 9_000 + b"}"),
]

TWO_MEANINGS = [
    _ambiguous("a field twice", GOOD[:-1] + b', "age": "[70-80)"}'),
    _ambiguous("a field twice with other values", GOOD[:-1] + b', "age": "[0-10)"}'),
    _ambiguous("a field twice, once with escapes", GOOD[:-1] + b', "\\u0061ge": "[70-80)"}'),
    _ambiguous("an unknown field twice", GOOD[:-1] + b', "x": 1, "x": 2}'),
    _ambiguous("a field twice deep inside", GOOD[:-1] + b', "x": {"y": 1, "y": 1}}'),
    _ambiguous("NUL in a value", _raw("payer_code", b'"\\u0000"')),
    _ambiguous("NUL within a value", _raw("payer_code", b'"MC\\u0000"')),
    _ambiguous("NUL in a name", GOOD.replace(b'"age"', b'"age\\u0000"')),
]

NO_OBJECT = [
    _invalid(name, body, ("$", "WRONG_TYPE"))
    for name, body in [
        ("null", b"null"),
        ("a number", b"1"),
        ("a text", b'"text"'),
        ("true", b"true"),
        ("a list", b"[]"),
        ("a list of encounters", b"[" + GOOD + b"]"),
    ]
]

FIELDS = [
    _invalid("an unknown field", _with(**{CANARY: 1}), ("$", "UNKNOWN_FIELD")),
    _invalid("several unknown fields", _with(x=1, y=2), ("$", "UNKNOWN_FIELD")),
    _invalid("the label", _with(readmitted="NO"), ("$", "UNKNOWN_FIELD")),
    _invalid("the patient's number", _with(patient_nbr=1), ("$", "UNKNOWN_FIELD")),
    _invalid("a name in other case", _with(Age="[70-80)"), ("$", "UNKNOWN_FIELD")),
    _invalid("the name in SQL", _with(diabetes_med="Yes"), ("$", "UNKNOWN_FIELD")),
    _invalid("a missing field", _without("age"), ("$.age", "MISSING")),
    _invalid("two missing fields", _without("age", "diabetesMed"), ("$.age", "MISSING"), ("$.diabetesMed", "MISSING")),
    _invalid("null for a text", _with(age=None), ("$.age", "WRONG_TYPE")),
    _invalid("null for what may be left out", _with(weight=None), ("$.weight", "WRONG_TYPE")),
    _invalid("null for a number", _with(num_procedures=None), ("$.num_procedures", "WRONG_TYPE")),
    _invalid("true for a number", _with(num_procedures=True), ("$.num_procedures", "WRONG_TYPE")),
    _invalid("a number as text", _with(num_procedures="1"), ("$.num_procedures", "WRONG_TYPE")),
    _invalid("a whole number with a point", _raw("num_procedures", b"1.0"), ("$.num_procedures", "WRONG_TYPE")),
    _invalid("a whole number with an exponent", _raw("num_procedures", b"1e0"), ("$.num_procedures", "WRONG_TYPE")),
    _invalid("a fraction", _with(num_procedures=1.5), ("$.num_procedures", "WRONG_TYPE")),
    _invalid("a number beyond float", _raw("num_procedures", b"1e999"), ("$.num_procedures", "WRONG_TYPE")),
    _invalid("a number too small for float", _raw("num_procedures", b"1e-999"), ("$.num_procedures", "WRONG_TYPE")),
    _invalid("5,000 digits", _raw("num_procedures", b"1" * 5_000), ("$.num_procedures", "OUT_OF_RANGE")),
    _invalid("40,000 digits", _raw("num_procedures", b"9" * 40_000), ("$.num_procedures", "OUT_OF_RANGE")),
    _invalid("5,000 digits below 0", _raw("num_procedures", b"-" + b"1" * 5_000), ("$.num_procedures", "OUT_OF_RANGE")),
    _invalid("a number over 64 bits", _with(num_procedures=2**64), ("$.num_procedures", "OUT_OF_RANGE")),
    _invalid("a number for a text", _with(age=70), ("$.age", "WRONG_TYPE")),
    _invalid("a list for a text", _with(age=["[70-80)"]), ("$.age", "WRONG_TYPE")),
    _invalid("an object for a text", _with(age={"x": CANARY}), ("$.age", "WRONG_TYPE")),
    _invalid("an unknown category", _with(race=CANARY), ("$.race", "NOT_ALLOWED")),
    _invalid("a category in other case", _with(gender="female"), ("$.gender", "NOT_ALLOWED")),
    _invalid("an empty category", _with(gender=""), ("$.gender", "NOT_ALLOWED")),
    _invalid("a category with a blank", _with(gender="Female "), ("$.gender", "NOT_ALLOWED")),
    _invalid("no code", _with(diag_1=CANARY), ("$.diag_1", "PATTERN_MISMATCH")),
    _invalid("a code with a line feed", _with(diag_1="250.83\n"), ("$.diag_1", "PATTERN_MISMATCH")),
    _invalid("a code in Arabic digits", _with(diag_1="٢٥٠"), ("$.diag_1", "PATTERN_MISMATCH")),
    _invalid("an endless code", _with(diag_1="2" * 30_000), ("$.diag_1", "PATTERN_MISMATCH")),
    _invalid("SQL for a code", _with(diag_3="'; DROP TABLE x"), ("$.diag_3", "PATTERN_MISMATCH")),
    _invalid("markup", _with(medical_specialty="<b>"), ("$.medical_specialty", "PATTERN_MISMATCH")),
    _invalid("a code too long", _with(diag_2="2500"), ("$.diag_2", "PATTERN_MISMATCH")),
    _invalid("an emoji", _with(payer_code="\U0001f600"), ("$.payer_code", "NOT_ALLOWED")),
    _invalid(
        "faults of every kind, in the columns' order",
        _with(race=1, gender=CANARY, age=None, num_procedures=-1, diag_1="x", weird=2),
        ("$.race", "WRONG_TYPE"),
        ("$.gender", "NOT_ALLOWED"),
        ("$.age", "WRONG_TYPE"),
        ("$.num_procedures", "OUT_OF_RANGE"),
        ("$.diag_1", "PATTERN_MISMATCH"),
        ("$", "UNKNOWN_FIELD"),
    ),
]

RANGES = [
    _invalid(f"{column.name} {side} its range", _with(**{column.name: value}), (f"$.{column.name}", "OUT_OF_RANGE"))
    for column in REQUEST_COLUMNS
    if column.minimum is not None and column.maximum is not None
    for side, value in (("below", column.minimum - 1), ("above", column.maximum + 1))
]

CATEGORIES = [
    _invalid(f"{column.name} of no list", _with(**{column.name: CANARY}), (f"$.{column.name}", "NOT_ALLOWED"))
    for column in REQUEST_COLUMNS
    if column.allowed is not None
]

REQUIRED = [
    _invalid(f"no {column.name}", _without(column.name), (f"$.{column.name}", "MISSING"))
    for column in REQUEST_COLUMNS
    if not column.missing
]

HEADERS = [
    _unsupported("no content type", {}),
    _unsupported("form data", {"content-type": "application/x-www-form-urlencoded"}),
    _unsupported("plain text", {"content-type": "text/plain"}),
    _unsupported("multipart", {"content-type": "multipart/form-data; boundary=x"}),
    _unsupported("another charset", {"content-type": "application/json; charset=latin-1"}),
    _unsupported("a made-up parameter", {"content-type": "application/json; version=1"}),
    _unsupported("a longer type", {"content-type": "application/jsonx"}),
    _unsupported("two types", {"content-type": "application/json, text/plain"}),
    _unsupported("gzip", {**JSON, "content-encoding": "gzip"}, code="UNSUPPORTED_ENCODING"),
    _unsupported("br", {**JSON, "content-encoding": "br"}, code="UNSUPPORTED_ENCODING"),
]

TOO_LARGE = [
    Case("a large body", b" " * (BODY_BYTES + 1), 413, "TOO_LARGE"),
    Case("a large encounter", GOOD[:-1] + b" " * BODY_BYTES + b"}", 413, "TOO_LARGE"),
    Case("a large announcement", b"{}", 413, "TOO_LARGE", headers={**JSON, "content-length": "99999999999999999999"}),
]

CASES = [*NOT_JSON, *TWO_MEANINGS, *NO_OBJECT, *FIELDS, *RANGES, *CATEGORIES, *REQUIRED, *HEADERS, *TOO_LARGE]

NO_BATCH = [
    _no_batch("no items", "INVALID_ENCOUNTER", b"[]", ("$", "TOO_FEW")),
    _no_batch("no items, with blanks", "INVALID_ENCOUNTER", b" [ ] ", ("$", "TOO_FEW")),
    _no_batch(
        "too many items",
        "INVALID_ENCOUNTER",
        b"[" + b",".join([b"{}"] * (MAX_ENCOUNTERS + 1)) + b"]",
        ("$", "TOO_MANY"),
    ),
    _no_batch("an encounter for a batch", "INVALID_ENCOUNTER", GOOD, ("$", "WRONG_TYPE")),
    _no_batch("an object around a batch", "INVALID_ENCOUNTER", b'{"encounters": [' + GOOD + b"]}", ("$", "WRONG_TYPE")),
    _no_batch("null for a batch", "INVALID_ENCOUNTER", b"null", ("$", "WRONG_TYPE")),
    _no_batch("a number for a batch", "INVALID_ENCOUNTER", b"7", ("$", "WRONG_TYPE")),
    _no_batch("a text for a batch", "INVALID_ENCOUNTER", b'"[]"', ("$", "WRONG_TYPE")),
    _no_batch("an array in a batch", "INVALID_ENCOUNTER", b"[[" + GOOD + b"]]", ("$[0]", "WRONG_TYPE")),
    _no_batch("null for an item", "INVALID_ENCOUNTER", b"[" + GOOD + b",null]", ("$[1]", "WRONG_TYPE")),
    _no_batch(
        "faults in two items",
        "INVALID_ENCOUNTER",
        b"[" + _with(age=CANARY) + b"," + GOOD + b"," + _without("diabetesMed") + b"]",
        ("$[0].age", "NOT_ALLOWED"),
        ("$[2].diabetesMed", "MISSING"),
    ),
    _no_batch("an empty batch body", "MALFORMED", b""),
    _no_batch("a batch cut short", "MALFORMED", b"[" + GOOD),
    _no_batch("a comma too many in a batch", "MALFORMED", b"[" + GOOD + b",]"),
    _no_batch("a comma too early in a batch", "MALFORMED", b"[," + GOOD + b"]"),
    _no_batch("two batches", "MALFORMED", b"[" + GOOD + b"][" + GOOD + b"]"),
    _no_batch("encounters one after the other", "MALFORMED", GOOD + b"\n" + GOOD),
    _no_batch("a batch nested deep", "MALFORMED", b"[" * 100_000),
    _no_batch("a field twice around a batch", "AMBIGUOUS", b'{"a": 1, "a": 2}'),
    _no_batch("a field twice in an item", "AMBIGUOUS", b"[" + TWO_MEANINGS[0].body + b"]", ("$[0]", "AMBIGUOUS")),
]

BATCH_CASES = [*NO_BATCH, *(_in_a_batch(case) for case in CASES if case.status == 422)]
