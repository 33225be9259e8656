"""Read JSON that can be understood in one way only.

What common parsers let pass and others read otherwise is refused: a field given twice, NaN and Infinity, lone
surrogates, NUL characters, a byte order mark, another encoding than UTF-8.
"""

import json
from collections.abc import Iterator
from typing import Any

DIGITS_MAX = 20
"""Longer integers are read as plus or minus `BEYOND`: no field takes them, and thousands of digits take long."""
BEYOND: int = 10**DIGITS_MAX


class Malformed(Exception):
    """The bytes are not one JSON value in UTF-8."""


class Ambiguous(Exception):
    """The value names a field twice, or holds a NUL character."""


def parse(body: bytes) -> object:
    """Return the value in Python's types, numbers with a point or an exponent as float; raises the errors above."""
    try:
        value: object = _DECODER.decode(body.decode())
    except (ValueError, RecursionError):
        # decoding errors are ValueErrors; their texts echo the body, so none is kept as a cause
        raise Malformed from None
    for text in _texts(value):
        if "\x00" in text:
            raise Ambiguous
        if not _has_utf8(text):
            raise Malformed
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Ambiguous
    return found


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) <= DIGITS_MAX:
        return int(digits)
    return -BEYOND if digits.startswith("-") else BEYOND


def _constant(_name: str) -> object:
    raise Malformed  # NaN, Infinity


def _texts(value: object) -> Iterator[str]:
    """Yield every text of the value, field names too; no recursion, for the parser set the depth."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            left.extend(item)
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)


def _has_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_constant=_constant)
