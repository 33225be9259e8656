"""List what is odd in a request's values, line, headers and framing."""

import json

from readmit_contracts.predictions import MAX_ENCOUNTERS
from support.bad_requests import CANARY
from support.route_cases import FREE, KEYED
from support.route_cases import PATHS as NOWHERE

CANARY_TEXT = json.dumps(CANARY).encode()
DIGITS = b"471147114711"  # the canary where a number stands

NO_VALUE = [  # JSON that no field takes
    *b'null true false 1.5 -1 1.0 1e0 1e999 -0.0 [] {} [1] ["No"] {"a":1} [[[[]]]] "" "<b>" "{{7*7}}" "\\n"'.split(),
    b'" "',
    b'"\' OR 1=1 --"',
    b'"\xd9\xa2"',
    b'"\\ud83d\\ude00"',
    b"9" * 40,
    b"-" + b"9" * 5_000,
    DIGITS,
    CANARY_TEXT,
    b"[" + CANARY_TEXT + b"]",
    b"{" + CANARY_TEXT + b":" + CANARY_TEXT + b"}",
]
NO_JSON = [
    *b'NaN Infinity -Infinity 01 +1 1. .5 0x1 1e --1 1_0 True None \'No\' [ [1,] {"a"} /**/1 "open'.split(),
    b"",
    b'"\x01"',
    b'"\n"',
    b'"\x00"',
    b'"\\x41"',
    b'"\\u12"',
    b'"\\ud800"',
    b'"\\udc00"',
    b'"\xff"',
    b'"\xed\xa0\x80"',
    b'"\xc0\xaf"',
    b'"\xf5\x80\x80\x80"',
]
TOKENS = [*NO_VALUE[:12], *NO_JSON, b",", b":", b"}", b"]", b'"', b"\\", b"\xef\xbb\xbf", b"\x00", b"\r\n", b"\\u0000"]
NO_BATCH = [
    *b'[] {} null [[]] [ [,] "[]" [1,2]'.split(),
    b"",
    CANARY_TEXT,
    b"[" * 9_000,
    b"[" + b",".join([b"{}"] * (MAX_ENCOUNTERS + 1)) + b"]",
]

METHODS = f"GET POST PUT DELETE PATCH OPTIONS TRACE PROPFIND M-SEARCH get BREW {CANARY}".split()
PATHS = [
    *FREE,
    *KEYED,
    *(case.path for case in NOWHERE),
    "*",
    "//",
    "/%",
    "/%zz",
    "/\u00e4",
    "/\x7f",
    "/v1/mo\tdel",
    "/v1/mo del",
    "/v1/predict%0d%0aX:%20y",
    "/v1/predict#x",
    "/v1/explain",
    "/v1/predict?" + "a=b&" * 5_000,
    "http://elsewhere/v1/model",
    "http://elsewhere",
    "//elsewhere/v1/model",
    "elsewhere:443",
    "/v1/../metrics",
    f"/v1/{CANARY}",
    f"/v1/model?{CANARY}={CANARY}",
    f"/{CANARY}/%{CANARY}",
]
BAD_TYPES = [
    "",
    "text/plain",
    "application/jsonx",
    "application/json, text/plain",
    "application/json; charset=utf-16",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "json",
    f"{CANARY}/{CANARY}",
    "*/*",
    "application/json; charset=utf-8; charset=utf-8",
    "application/json;" * 50,
    "\xff\xfe",
    "application/json\t;x",
]
BAD_ENCODINGS = ["gzip", "br", "deflate", "identity, gzip", "zstd", "", CANARY, "gzip;q=0", "x" * 5_000]
BAD_NAMES = ["", "a b", "a" * 256, f"{CANARY} {CANARY}", "\u00e4", "a\tb", "a" * 20_000]
ODD_IDS = [
    "",
    "a b",
    "a" * 65,
    "\u00e4",
    "<script>",
    "{{7*7}}",
    "a,b",
    f'"{CANARY}"',
    f"{CANARY}!",
    "%0d%0a",
    "a" * 9_000,
]
HARMLESS = {
    "accept": "text/html",
    "range": "bytes=0-1",
    "if-match": CANARY,
    "cookie": f"key={CANARY}",
    "te": "trailers",
    "x-forwarded-for": CANARY,
    "forwarded": f"for={CANARY}",
    "x-http-method-override": "DELETE",
    "origin": "null",
    "connection": "upgrade",
    "expect": "100-continue",
    "upgrade": "h2c",
    "x-" + "n" * 2_000: "v",
    "x-long": "v" * 20_000,
    "x-empty": "",
    "x-latin": "\xe9",
}
ODD_HEADERS = [
    b": x",
    b"nonsense",
    b"X-A : b",
    b" folded: x",
    b"X-\xe4: b",
    b"X-A: \x00",
    b"X-A: \x01",
    b"X(a): b",
    b"X-A: b\rX",
    b"Host: other",
    b"Content-Length: 3",
    b"Content-Length: -1",
    b"Content-Length: 0x10",
    b"Content-Length: 1, 1",
    b"Content-Length: +5",
    b"Content-Length: " + b"9" * 30,
    b"\tx",
    b"Connection: close, x",
    b"Connection: upgrade",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: identity",
    b"Connection: upgrade\r\nUpgrade: websocket",
    CANARY.encode() + b": \xf0\x9f\x98\x80",
]
CHUNK_SIZES = [
    b"zz",
    b"-1",
    b"f" * 40,
    b"",
    b"0x5",
    b"5;" + b"a" * 5_000,
    b" 5",
    b"5 ",
    b"\xff",
    b"1\x00",
    b"7fffffffffffffff",
]
NO_HTTP = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\r\n" * 50,
    b"\x00" * 100,
    b"GET /v1/model\r\n\r\n",
    b"GET  /v1/model  HTTP/1.1\r\n\r\n",
    b"GET /v1/model HTTP/9.9\r\n\r\n",
    b"\n\n\n",
    b" \r\n",
    b"CONNECT elsewhere:443 HTTP/1.1\r\n\r\n",
    b"CONNECT / HTTP/1.1\r\n\r\n",
    b"*3\r\n$3\r\nSET\r\n",
    b"HELO x\r\n",
    b"GET /v1/model HTTP/1.0\r\n\r\n",
    b"GET /v1/model HTTP/1.1\nHost: x\n\n",
    b"GET /v1/mo\ndel HTTP/1.1\r\n\r\n",
    b"A" * 70_000,
    b"HTTP/1.1 200 OK\r\n\r\n",
]
