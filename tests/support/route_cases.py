"""List what can be asked of every path, with the exact answer to each: also where no body is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from readmit_contracts.access import make_key
from support.predictor_rig import KEY

FREE = ("/docs", "/openapi.json", "/health/live", "/health/ready", "/metrics")
OPERATIONS = ("/v1/predict", "/v1/predict/batch")
KEYED = (*OPERATIONS, "/v1/model")
WRONG_METHODS = ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "MADEUP")
UNKNOWN_KEY = make_key(b"\x0e" * 8, b"\x0f" * 32)
JSON = {"content-type": "application/json"}
BEARER = {"authorization": f"Bearer {KEY}"}


@dataclass(frozen=True)
class RouteCase:
    """A request, the status of its answer, and its code where it is a problem."""

    method: str
    path: str
    status: int
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: BEARER)
    why: str = ""

    @property
    def name(self) -> str:
        """Name the case in a report."""
        return f"{self.method} {self.path[:40]} {self.why}".strip()


def _authorization(text: str) -> Mapping[str, str]:
    return {"authorization": text}


GOOD = [
    *(RouteCase("GET", path, 200, headers={}, why="without a key") for path in FREE),
    *(RouteCase("GET", path, 200, headers=_authorization("nonsense"), why="with nonsense") for path in FREE),
    RouteCase("HEAD", "/health/live", 200, headers={}),
    RouteCase("GET", "/v1/model", 200),
    RouteCase("GET", "/v1/model", 200, headers={**BEARER, "range": "bytes=0-1"}, why="with a range"),
    RouteCase(
        "GET", "/v1/model", 200, headers={**BEARER, "connection": "upgrade", "upgrade": "h2c"}, why="with an upgrade"
    ),
    RouteCase("GET", "/v1/model?key=x&path=../..", 200, why="with a query"),
    RouteCase("GET", "/v1/%6dodel", 200, why="encoded"),
]

BAD_KEYS = [
    RouteCase(method, path, 401, code, headers=headers, why=why)
    for method, path in [*(("POST", path) for path in OPERATIONS), ("GET", "/v1/model"), ("GET", "/v1/nothing")]
    for why, code, headers in [
        ("without a key", "NO_KEY", {}),
        ("with an empty key", "KEY_REFUSED", _authorization("")),
        ("with the key alone", "KEY_REFUSED", _authorization(KEY)),
        ("with another scheme", "KEY_REFUSED", _authorization(f"Basic {KEY}")),
        ("with an unknown key", "KEY_REFUSED", _authorization(f"Bearer {UNKNOWN_KEY}")),
        ("with another secret", "KEY_REFUSED", _authorization(f"Bearer {KEY[:-1]}B")),
        ("with a key too many", "KEY_REFUSED", _authorization(f"Bearer {KEY}, Bearer {KEY}")),
        ("with the key in another header", "NO_KEY", {"x-api-key": KEY, "cookie": f"key={KEY}"}),
    ]
]

# Without a key nobody learns which paths and methods there are.
NOT_TOLD = [
    RouteCase(method, path, 401, "NO_KEY", headers={}, why="without a key")
    for path in (*KEYED, "/v1/", "/v1/predict/", "/v1/..%2fmetrics", "/v1%2fmodel", "/v1/explain")
    for method in ("TRACE", "DELETE")
]

METHODS = [
    *(RouteCase(method, path, 405, "METHOD_NOT_ALLOWED") for path in (*FREE, *KEYED) for method in WRONG_METHODS),
    *(RouteCase("GET", path, 405, "METHOD_NOT_ALLOWED") for path in OPERATIONS),
    *(RouteCase("HEAD", path, 405, None) for path in OPERATIONS),
    *(RouteCase("POST", path, 405, "METHOD_NOT_ALLOWED") for path in (*FREE, "/v1/model")),
]

PATHS = [
    RouteCase(method, path, 404, "NOT_FOUND")
    for method, path in [
        ("GET", "/"),
        ("GET", "/v1/predict/"),
        ("POST", "/v1/predict/"),
        ("POST", "/v1/predict/batch/"),
        ("POST", "/v1/Predict"),
        ("POST", "/v1/predict%00"),
        ("POST", "/v1/predict%0a"),
        ("POST", "/v1/predict;x=1"),
        ("POST", "/v1//predict"),
        ("POST", "//v1/predict"),
        ("POST", "/V1/predict"),
        ("GET", "/v1"),
        ("GET", "/v1/"),
        ("GET", "/v2/predict"),
        ("GET", "/docs/"),
        ("GET", "/docs/oauth2-redirect"),
        ("GET", "/redoc"),
        ("GET", "/openapi.yaml"),
        ("GET", "/health"),
        ("GET", "/health/live/"),
        ("GET", "/metrics/"),
        ("GET", "/..%2f..%2fetc/passwd"),
        ("GET", "/docs/..%2fmetrics"),
        ("GET", "/v1/%2e%2e/metrics"),
        ("GET", "/v1/..%2f..%2fmetrics"),
        ("GET", "/%2e%2e%5c%2e%2e%5cwin.ini"),
        ("GET", "/.env"),
        ("GET", "/.git/config"),
        ("GET", "/CANARY-4711"),
        ("GET", "/%ff%fe"),
        ("GET", "/" + "a" * 10_000),
        ("CONNECT", "/v1/elsewhere"),
    ]
]

BODIES = [
    RouteCase("POST", path, status, code, headers={**BEARER, **headers}, why=why)
    for path in OPERATIONS
    for why, status, code, headers in [
        ("of no type", 415, "UNSUPPORTED_TYPE", {}),
        ("of several parts", 415, "UNSUPPORTED_TYPE", {"content-type": "multipart/form-data; boundary=x"}),
        ("compressed", 415, "UNSUPPORTED_ENCODING", {**JSON, "content-encoding": "gzip"}),
        ("compressed twice", 415, "UNSUPPORTED_ENCODING", {**JSON, "content-encoding": "identity, gzip"}),
        ("announced too large", 413, "TOO_LARGE", {**JSON, "content-length": "9" * 15}),
        ("announced in words", 400, "MALFORMED", {**JSON, "content-length": "ten"}),
        ("with an empty name", 400, "INVALID_IDEMPOTENCY_KEY", {**JSON, "idempotency-key": ""}),
        ("with a long name", 400, "INVALID_IDEMPOTENCY_KEY", {**JSON, "idempotency-key": "a" * 256}),
        ("with a blank in its name", 400, "INVALID_IDEMPOTENCY_KEY", {**JSON, "idempotency-key": "a b"}),
        ("that is empty", 400, "MALFORMED", JSON),
    ]
]

ROUTE_CASES = [*GOOD, *BAD_KEYS, *NOT_TOLD, *METHODS, *PATHS, *BODIES]
