"""List ways to ask for predictions rightly, and what encounters they are about, however they are written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from readmit_contracts.predictions import MAX_ENCOUNTERS, REQUEST_COLUMNS, example_encounter
from support.bad_requests import GOOD, JSON

Values = Mapping[str, int | str]

EXAMPLE: Values = example_encounter()


@dataclass(frozen=True)
class GoodCase:
    """A body and the encounters in it; several are a batch."""

    name: str
    body: bytes
    encounters: Sequence[Values] = (EXAMPLE,)
    batch: bool = False
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)


def _same(name: str, body: bytes, **headers: str) -> GoodCase:
    """Give a case that says what the example says."""
    return GoodCase(name, body, headers={**JSON, **headers})


def _with(name: str, value: int | str) -> GoodCase:
    changed = {**EXAMPLE, name: value}
    return GoodCase(f"{name} is {value}", json.dumps(changed).encode(), (changed,))


def _without(name: str, marker: str) -> GoodCase:
    body = json.dumps({key: value for key, value in EXAMPLE.items() if key != name}).encode()
    return GoodCase(f"{name} left out", body, ({**EXAMPLE, name: marker},))


def _batch(name: str, items: Sequence[Values], body: bytes | None = None) -> GoodCase:
    return GoodCase(name, json.dumps(list(items)).encode() if body is None else body, items, batch=True)


WRITTEN = [
    _same("as it is", GOOD),
    _same("without blanks", json.dumps(EXAMPLE, separators=(",", ":")).encode()),
    _same("over many lines", json.dumps(EXAMPLE, indent=4).encode()),
    _same("blanks around it", b" \t\r\n" + GOOD + b"\r\n\t "),
    _same("the fields backwards", json.dumps(dict(reversed(EXAMPLE.items()))).encode()),
    _same("a name in escapes", GOOD.replace(b'"age"', b'"\\u0061\\u0067\\u0065"')),
    _same("a value in escapes", GOOD.replace(b'"Female"', b'"\\u0046emale"')),
    _same("a slash in escapes", GOOD.replace(b"/", b"\\/")),
    _same("a charset", GOOD, **{"content-type": "application/json; charset=utf-8"}),
    _same("a charset in quotes", GOOD, **{"content-type": 'application/json;charset="UTF-8"'}),
    _same("a type in capitals", GOOD, **{"content-type": "APPLICATION/JSON"}),
    _same("no encoding, in words", GOOD, **{"content-encoding": "identity"}),
    _same("a wish for HTTP/2", GOOD, connection="Upgrade, HTTP2-Settings", upgrade="h2c"),
    _same("a language and a type that are asked for", GOOD, **{"accept": "text/html", "accept-language": "de"}),
]

BOUNDS = [
    _with(column.name, bound)
    for column in REQUEST_COLUMNS
    for bound in (column.minimum, column.maximum)
    if bound is not None
]

LEFT_OUT = [_without(column.name, column.missing[0]) for column in REQUEST_COLUMNS if column.missing]

BATCHES = [
    _batch("a batch of one", [EXAMPLE]),
    _batch("a batch of two that are alike", [EXAMPLE, EXAMPLE]),
    _batch("a batch with blanks", [EXAMPLE, EXAMPLE], b"\n[ " + GOOD + b" ,\t" + GOOD + b"\r\n]\n"),
    _batch("a batch of bounds", [case.encounters[0] for case in BOUNDS]),
    _batch("a full batch", [EXAMPLE] * MAX_ENCOUNTERS),
]

GOOD_CASES = [*WRITTEN, *BOUNDS, *LEFT_OUT, *BATCHES]
