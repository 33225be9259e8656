"""Make bodies of prediction requests by chance: good ones in any spelling, ones spoilt in a known way, mangled ones."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from readmit_contracts.predictions import REQUEST_COLUMNS
from support.bad_requests import CANARY
from support.fuzz_oddities import CANARY_TEXT, DIGITS, NO_BATCH, NO_JSON, NO_VALUE, TOKENS
from support.predictor_rig import BODY_BYTES

OK, INVALID, MALFORMED, AMBIGUOUS = "OK", "INVALID_ENCOUNTER", "MALFORMED", "AMBIGUOUS"
READ = frozenset({OK, INVALID, MALFORMED, AMBIGUOUS})
REQUIRED = [column.name for column in REQUEST_COLUMNS if not column.missing]

Fields = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes, and what may follow: OK or the code of a refusal.

    `rows` are those of the pool that are answered, where the body is good. A `mangled` body may be good or bad, which
    another reader has to tell.
    """

    kind: str
    content: bytes
    outcomes: frozenset[str]
    rows: tuple[int, ...] = ()
    batch: bool = False
    mangled: bool = False


def fields_of(values: Mapping[str, int | str]) -> Fields:
    """Give names and values as they stand in JSON."""
    return [(json.dumps(name).encode(), json.dumps(value).encode()) for name, value in values.items()]


class BodyMaker:
    """Makes bodies about the encounters of a pool, by chance."""

    def __init__(self, pool: Sequence[Fields], random: Random) -> None:
        self._pool = pool
        self._random = random

    def single(self) -> Body:
        """Make a body for one encounter."""
        chance = self._random.random()
        if chance < 0.25:
            return self.good()
        return self.spoilt() if chance < 0.7 else self.mangled(self.good())

    def batch(self) -> Body:
        """Make a body for several."""
        chance = self._random.random()
        if chance < 0.1:
            return Body("no batch", self._random.choice(NO_BATCH), frozenset({INVALID, MALFORMED}), batch=True)
        most = 60 if chance < 0.13 else 4
        items = [self.good() for _ in range(self._random.randint(1, most))]
        if chance < 0.5:
            return _batch_of(items)
        bad = [*items, self.spoilt_item()]
        self._random.shuffle(bad)
        return _batch_of(bad) if chance < 0.8 else self.mangled(_batch_of(items))

    def good(self) -> Body:
        """Make a body that must be answered, in some spelling."""
        row, fields = self._fields()
        return Body("good", self._written(fields), frozenset({OK}), (row,))

    def spoilt(self) -> Body:
        """Make a body that must be refused."""
        return self._spoilt([*SPOILERS, *WHOLE])

    def spoilt_item(self) -> Body:
        """Make one that may stand in a batch, which it spoils, or before another request."""
        return self._spoilt(SPOILERS)

    def _spoilt(self, spoilers: Sequence["Spoiler"]) -> Body:
        spoiler = self._random.choice(spoilers)
        return Body(spoiler.kind, spoiler.spoil(self, self._fields()[1]), spoiler.outcomes)

    def mangled(self, body: Body) -> Body:
        """Change some bytes of a body, whatever comes of it."""
        content = bytearray(body.content)
        for _ in range(self._random.choice((1, 1, 1, 2, 3, 8))):
            self._mangle(content)
        return Body("a mangled body", bytes(content[:BODY_BYTES]), READ, batch=body.batch, mangled=True)

    def _mangle(self, content: bytearray) -> None:
        random, at = self._random, self._random.randrange(len(content) + 1)
        match random.randrange(6):
            case 0:
                content[at : at + 1] = bytes([random.randrange(256)])
            case 1:
                del content[at : at + random.choice((1, 1, 2, 10))]
            case 2:
                content[at:at] = random.choice(TOKENS)
            case 3:
                content[at:at] = content[max(0, at - random.randint(1, 40)) : at]
            case 4:
                content[at : at + 1] = b"" if at == len(content) else bytes([content[at] ^ (1 << random.randrange(8))])
            case _:
                content[at : at + random.randint(0, 6)] = str(random.randrange(200)).encode()

    def _fields(self) -> tuple[int, Fields]:
        row = self._random.randrange(len(self._pool))
        return row, list(self._pool[row])

    def _written(self, fields: Fields) -> bytes:
        random = self._random
        if random.random() < 0.3:
            random.shuffle(fields)
        if random.random() < 0.1:
            at = random.randrange(len(fields))
            name = fields[at][0]
            fields[at] = (b'"' + b"".join(b"\\u%04x" % letter for letter in name[1:-1]) + b'"', fields[at][1])
        comma, colon = random.choice([(b",", b":"), (b", ", b": "), (b" ,\n\t", b" : ")])
        return b"{" + comma.join(name + colon + value for name, value in fields) + b"}"

    # How to spoil: each takes the fields and returns a body.

    def _with_value(self, fields: Fields, value: bytes) -> bytes:
        at = self._random.randrange(len(fields))
        fields[at] = (fields[at][0], value)
        return self._written(fields)

    def _no_value(self, fields: Fields) -> bytes:
        return self._with_value(fields, self._random.choice(NO_VALUE))

    def _no_json(self, fields: Fields) -> bytes:
        return self._with_value(fields, self._random.choice(NO_JSON))

    def _nul(self, fields: Fields) -> bytes:
        return self._with_value(fields, b'"' + CANARY.encode() + b'\\u0000"')

    def _nested(self, fields: Fields) -> bytes:
        depth = self._random.choice((3, 100, 900, 5_000))
        before, after = self._random.choice([(b"[", b"]"), (b'{"a":', b"}")])
        return self._with_value(fields, before * depth + b"1" + after * depth)

    def _long(self, fields: Fields) -> bytes:
        filling = self._random.choice((CANARY.encode(), b"9", "\u00e4".encode(), b"\\u0061"))
        return self._with_value(fields, b'"' + filling * (self._random.randint(1_000, 50_000) // len(filling)) + b'"')

    def _missing(self, fields: Fields) -> bytes:
        name = json.dumps(self._random.choice(REQUIRED)).encode()
        return self._written([pair for pair in fields if pair[0] != name])

    def _unknown(self, fields: Fields) -> bytes:
        name = self._random.choice([CANARY_TEXT, b'"readmitted"', b'""', b'"Age"', b'"a.b"', b'"\xc3\xa4"', b'"age "'])
        return self._written([*fields, (name, b"1")])

    def _twice(self, fields: Fields) -> bytes:
        name, value = self._random.choice(fields)
        return self._written([*fields, (name, self._random.choice([value, CANARY_TEXT, b"null"]))])

    def _cut(self, fields: Fields) -> bytes:
        content = self._written(fields)
        return content[: self._random.randrange(1, len(content))]

    def _behind(self, fields: Fields) -> bytes:
        return self._written(fields) + self._random.choice([b"x", b"}", b"]", b"\x00", b"//", b"{}", b"null", b"\xff"])

    def _quotes(self, fields: Fields) -> bytes:
        return self._written(fields).replace(b'"', b"'")

    def _comma(self, fields: Fields) -> bytes:
        content = self._written(fields)
        return self._random.choice([content[:-1] + b",}", b"{," + content[1:], content.replace(b",", b",,", 1)])

    def _encoded(self, fields: Fields) -> bytes:
        text = self._written(fields).decode()
        return text.encode(self._random.choice(["utf-8-sig", "utf-16", "utf-16-le", "utf-32"]))

    def _another(self, fields: Fields) -> bytes:
        content = self._written(fields)
        return self._random.choice([b"[" + content + b"]", b"null", b"7", CANARY_TEXT, b"true", b"[]", DIGITS, b"{}"])

    def _nothing(self, _fields: Fields) -> bytes:
        return self._random.choice([b"", b" ", b"\r\n", b"\x00", b"\xef\xbb\xbf", b"age=70", b"<x/>", b"\x1f\x8b\x08"])

    def _too_large(self, fields: Fields) -> bytes:
        return self._written(fields) + b" " * BODY_BYTES


@dataclass(frozen=True, slots=True)
class Spoiler:
    """A way to spoil a body, and what has to come of it."""

    kind: str
    spoil: Callable[[BodyMaker, Fields], bytes]
    outcomes: frozenset[str]


def _spoiler(kind: str, spoil: Callable[[BodyMaker, Fields], bytes], *outcomes: str) -> Spoiler:
    return Spoiler(kind, spoil, frozenset(outcomes))


SPOILERS: list[Spoiler] = [
    _spoiler("a value that no field takes", BodyMaker._no_value, INVALID),
    _spoiler("a value that is no JSON", BodyMaker._no_json, MALFORMED),
    _spoiler("NUL", BodyMaker._nul, AMBIGUOUS),
    _spoiler("nested deep", BodyMaker._nested, INVALID, MALFORMED),
    _spoiler("a long value", BodyMaker._long, INVALID),
    _spoiler("a missing field", BodyMaker._missing, INVALID),
    _spoiler("an unknown field", BodyMaker._unknown, INVALID),
    _spoiler("a field twice", BodyMaker._twice, AMBIGUOUS),
    _spoiler("cut short", BodyMaker._cut, MALFORMED),
    _spoiler("something behind it", BodyMaker._behind, MALFORMED),
    _spoiler("single quotes", BodyMaker._quotes, MALFORMED),
    _spoiler("a comma too many", BodyMaker._comma, MALFORMED),
]
WHOLE: list[Spoiler] = [
    _spoiler("another encoding", BodyMaker._encoded, MALFORMED),
    _spoiler("another thing", BodyMaker._another, INVALID),
    _spoiler("nothing", BodyMaker._nothing, MALFORMED),
    _spoiler("too large", BodyMaker._too_large, "TOO_LARGE"),
]


def _batch_of(items: Sequence[Body]) -> Body:
    content = b"[" + b",".join(item.content for item in items) + b"]"
    if not all(item.rows for item in items):
        return Body("a batch with a bad item", content, READ - {OK}, batch=True)
    return Body("a batch", content, frozenset({OK}), tuple(row for item in items for row in item.rows), batch=True)
