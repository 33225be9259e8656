"""Make HTTP requests by chance, each from its number and a seed alone, with what may be answered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from predictor.problems import ProblemKind
from support.bad_requests import BATCH, CANARY
from support.fuzz_bodies import OK, Body, BodyMaker, fields_of
from support.fuzz_oddities import (
    BAD_ENCODINGS,
    BAD_NAMES,
    BAD_TYPES,
    CHUNK_SIZES,
    HARMLESS,
    METHODS,
    NO_HTTP,
    ODD_HEADERS,
    ODD_IDS,
    PATHS,
    TOKENS,
)
from support.raw_http import request

PREDICT = "/v1/predict"
PARSER = "PARSER"
"""The server's own 400 to what is no HTTP/1.1."""
OUTCOMES = frozenset({OK, PARSER} | {kind.name for kind in ProblemKind if kind.status < 500})
"""Every answer that may come while nothing is wrong with the service; no 5xx is among them."""

Pool = Sequence[Mapping[str, int | str]]


@dataclass(frozen=True, slots=True)
class Expected:
    """What may be the answer to one request, whose id comes back; "" where a new one has to be made up."""

    outcomes: frozenset[str]
    request_id: str
    body: Body | None = None
    bodyless: bool = False


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """Bytes to send, part by part, and the answers that have to come, one for each request in them.

    Where the server may see fewer requests in the bytes, or more, they end with a good one, the `control`: whatever
    comes before its answer, or before the end of the connection, has to be one of the documented answers. Who `leaves`,
    by "close" or "reset", waits for no answer.
    """

    kind: str
    parts: Sequence[bytes]
    answers: Sequence[Expected] = ()
    control: Expected | None = None
    leaves: str = ""


class RequestMaker:
    """Makes the requests of one seed, about the encounters of a pool."""

    def __init__(self, pool: Pool, *, seed: int, key: str, key_without_scope: str) -> None:
        self._pool = [fields_of(values) for values in pool]
        self.seed = seed
        self._key = key
        bad = (key[:-1], key + "A", key[::-1], f"{key} {key}", CANARY, "\xff", "", "a" * 9_000)
        self._bad_keys = [(key_without_scope, "SCOPE_MISSING"), *((text, "KEY_REFUSED") for text in bad)]

    def make(self, number: int) -> Fuzzed:
        """Make a request; the same one for the same number."""
        chance = Random(self.seed * 1_000_000_007 + number)  # noqa: S311 - a generator that can be repeated
        return _Making(chance, BodyMaker(self._pool, chance), f"fuzz-{number}", self._key, self._bad_keys).make()


@dataclass(frozen=True, slots=True)
class _Making:
    random: Random
    bodies: BodyMaker
    name: str
    key: str
    bad_keys: Sequence[tuple[str, str]]

    def make(self) -> Fuzzed:
        (make,) = self.random.choices(list(KINDS), list(KINDS.values()))
        return make(self)

    def headers(self, name: str | None = None) -> dict[str, str]:
        return {
            "authorization": f"Bearer {self.key}",
            "content-type": "application/json",
            "x-request-id": name or self.name,
        }

    def any_body(self) -> tuple[str, Body]:
        return (PREDICT, self.bodies.single()) if self.random.random() < 0.75 else (BATCH, self.bodies.batch())

    def sent(self, body: Body, path: str = PREDICT, **more: str) -> bytes:
        headers = {name.replace("_", "-"): value for name, value in more.items()}
        return request("POST", path, self.headers() | headers, body.content)

    def controlled(self, kind: str, content: bytes) -> Fuzzed:
        name, body = f"{self.name}-control", self.bodies.good()
        control = request("POST", PREDICT, self.headers(name), body.content)
        return Fuzzed(kind, [content + control], control=Expected(body.outcomes, name, body))

    def answered(
        self, kind: str, parts: Sequence[bytes], body: Body, *outcomes: str, request_id: str | None = None
    ) -> Fuzzed:
        expected = frozenset(outcomes) or body.outcomes
        return Fuzzed(kind, parts, [Expected(expected, self.name if request_id is None else request_id, body)])

    # Each kind of request.

    def good(self) -> Fuzzed:
        body = self.bodies.good()
        return self.answered("a good one", [self.sent(body)], body)

    def body(self) -> Fuzzed:
        path, body = self.any_body()
        return self.answered(body.kind, [self.sent(body, path)], body)

    def bad_header(self) -> Fuzzed:
        body, headers = self.bodies.good(), self.headers()
        match self.random.randrange(6):
            case 0:
                headers["content-type"], code = self.random.choice(BAD_TYPES), "UNSUPPORTED_TYPE"
            case 1:
                headers["content-encoding"], code = self.random.choice(BAD_ENCODINGS), "UNSUPPORTED_ENCODING"
            case 2:
                key, code = self.random.choice(self.bad_keys)
                headers["authorization"] = f"{self.random.choice(['Bearer', 'bearer', 'BEARER '])} {key}"
            case 3:
                bad = ("", self.key, f"Basic {self.key}", CANARY, f"Bearer {self.key}, Bearer {self.key}")
                headers["authorization"], code = self.random.choice(bad), "KEY_REFUSED"
            case 4:
                del headers["authorization"]
                code = "NO_KEY"
            case _:
                headers["idempotency-key"], code = self.random.choice(BAD_NAMES), "INVALID_IDEMPOTENCY_KEY"
        return self.answered("a bad header", [request("POST", PREDICT, headers, body.content)], body, code)

    def harmless_headers(self) -> Fuzzed:
        body, headers = self.bodies.good(), self.headers()
        headers |= dict(self.random.sample(sorted(HARMLESS.items()), self.random.randint(1, len(HARMLESS))))
        headers |= {f"x-{CANARY}-{number}": CANARY for number in range(self.random.choice((0, 0, 10, 300)))}
        return self.answered("harmless headers", [request("POST", PREDICT, headers, body.content)], body)

    def odd_id(self) -> Fuzzed:
        body = self.bodies.good()
        return self.answered(
            "an odd id", [self.sent(body, x_request_id=self.random.choice(ODD_IDS))], body, request_id=""
        )

    def odd_header(self) -> Fuzzed:
        lines = self.sent(self.bodies.good()).split(b"\r\n")
        lines.insert(self.random.randint(1, 4), self.random.choice(ODD_HEADERS))
        return self.controlled("an odd header", b"\r\n".join(lines))

    def line(self) -> Fuzzed:
        line = f"{self.random.choice(METHODS)} {self.random.choice(PATHS)} HTTP/1.1".encode()
        return self.controlled(
            "a method and a path", line + request("", "", self.headers()).removeprefix(b"  HTTP/1.1")
        )

    def head(self) -> Fuzzed:
        path, outcome = self.random.choice(
            [("/docs", OK), ("/health/live", OK), (PREDICT, "METHOD_NOT_ALLOWED"), ("/x", "NOT_FOUND")]
        )
        expected = Expected(frozenset({outcome}), self.name, bodyless=True)
        return Fuzzed("HEAD", [request("HEAD", path, self.headers())], [expected])

    def chunked(self) -> Fuzzed:
        path, body = self.any_body()
        head = request("POST", path, self.headers() | {"transfer-encoding": "chunked"})
        trailer = self.random.choice([b"", b"X-Trailer: " + CANARY.encode() + b"\r\n"])
        return self.answered("chunks", [head + self.chunks(body.content) + b"0\r\n" + trailer + b"\r\n"], body)

    def chunks(self, content: bytes) -> bytes:
        chunks, at = b"", 0
        while at < len(content):
            chunk = content[at : at + self.random.choice((1, 7, 100, 1_000, 40_000))]
            size = self.random.choice((b"%x", b"%X", b"%08x", b"%x;a=b", b"%x;" + CANARY.encode())) % len(chunk)
            chunks += size + b"\r\n" + chunk + b"\r\n"
            at += len(chunk)
        return chunks

    def bad_chunks(self) -> Fuzzed:
        head = request("POST", PREDICT, self.headers() | {"transfer-encoding": "chunked"})
        chunks, odd = self.chunks(self.bodies.good().content), self.random.choice(CHUNK_SIZES)
        bad = self.random.choice([odd, chunks + odd, chunks[:-1], chunks[:-9] + odd])
        return self.controlled("bad chunks", head + bad)

    def length(self) -> Fuzzed:
        path, body = self.any_body()
        announced = max(0, len(body.content) + self.random.choice((-500, -9, -1, 1, 9, 100)))
        return self.controlled("another length", self.sent(body, path, content_length=str(announced)))

    def mangled_head(self) -> Fuzzed:
        body = self.bodies.good().content
        head = bytearray(request("POST", PREDICT, self.headers() | {"content-length": str(len(body))}))
        for _ in range(self.random.choice((1, 1, 2, 5))):
            at = self.random.randrange(len(head))
            head[at : at + self.random.randrange(3)] = self.random.choice([self.random.randbytes(1), b"", *TOKENS])
        return self.controlled("a mangled head", bytes(head) + body)

    def no_http(self) -> Fuzzed:
        noise = self.random.randbytes(self.random.randint(1, 300))
        return self.controlled("no HTTP", self.random.choice([*NO_HTTP, noise]))

    def pipeline(self) -> Fuzzed:
        names = [f"{self.name}-{number}" for number in range(self.random.randint(2, 6))]
        bodies = [self.random.choice((self.bodies.good, self.bodies.spoilt_item))() for _ in names]
        sent = [self.sent(body, x_request_id=name) for name, body in zip(names, bodies, strict=True)]
        answers = [Expected(body.outcomes, name, body) for name, body in zip(names, bodies, strict=True)]
        return Fuzzed("a pipeline", [b"".join(sent)], answers)

    def slow(self) -> Fuzzed:
        body = self.bodies.good()
        sent = self.sent(body)
        cuts = [0, *sorted(self.random.sample(range(1, len(sent)), 3)), len(sent)]
        return self.answered("a slow one", [sent[begin:end] for begin, end in pairwise(cuts)], body)

    def stalled(self) -> Fuzzed:
        body = self.bodies.good()
        return self.answered("a stalled one", [self.sent(body, content_length="5000")], body, "TOO_SLOW")

    def left(self) -> Fuzzed:
        path, body = self.any_body()
        sent = self.sent(body, path)
        cut = self.random.choice((len(sent), self.random.randrange(1, len(sent))))
        return Fuzzed("one who leaves", [sent[:cut]], leaves=self.random.choice(("close", "reset")))


KINDS: dict[Callable[[_Making], Fuzzed], float] = {
    _Making.good: 10,
    _Making.body: 44,
    _Making.bad_header: 8,
    _Making.harmless_headers: 3,
    _Making.odd_id: 1,
    _Making.odd_header: 4,
    _Making.line: 6,
    _Making.head: 1,
    _Making.chunked: 5,
    _Making.bad_chunks: 2,
    _Making.length: 3,
    _Making.mangled_head: 6,
    _Making.no_http: 2,
    _Making.pipeline: 2,
    _Making.left: 2.8,
    _Making.slow: 0.15,
    _Making.stalled: 0.05,
}
"""Each kind of request, with its share in hundredths."""
