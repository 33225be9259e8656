"""Give every case of the REST catalogues as one exchange: a request, and its whole answer to the byte.

What is in a good answer of the ordinary routes, and cannot be known before, is taken from a plain request to the same
path: an odd way to ask must not change what is answered.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from http import HTTPStatus

import msgspec
from predictor.problems import ProblemKind
from readmit_contracts.access import key_id_of
from readmit_contracts.bundle import CALIBRATION_FILE
from readmit_contracts.calibration import Calibration
from readmit_contracts.events import ModelPromoted
from readmit_contracts.ids import prediction_id
from readmit_contracts.predictions import REQUEST_COLUMNS, Prediction, ServedModel
from support.bad_requests import BATCH, BATCH_CASES, CANARY, CASES, Case
from support.good_requests import GOOD_CASES, GoodCase, Values
from support.model_bundles import offline_probabilities
from support.predictor_rig import KEY
from support.route_cases import BEARER, OPERATIONS, ROUTE_CASES, RouteCase
from trainer.bundle import BundleFiles

PREDICT = OPERATIONS[0]
PARSER_ANSWER = b"Invalid HTTP request received."  # uvicorn's own, to what is no HTTP/1.1
CHALLENGES = {"NO_KEY": "Bearer", "KEY_REFUSED": 'Bearer error="invalid_token"'}
ALLOWED = {**dict.fromkeys(OPERATIONS, "POST"), "/v1/model": "GET"}
REFUSED_METHODS = ("MADEUP", "CONNECT")
READ_WHOLE = {"MALFORMED", "AMBIGUOUS", "INVALID_ENCOUNTER"}
"""Answers that are given once the body was read: the connection can serve on."""


@dataclass(frozen=True)
class Exchange:
    """A request and its answer. Headers of the answer without `date`; `body` is None where the plain request's counts.

    `parsed` is False for what the server's parser refuses before our code sees it.
    """

    name: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    request_id: str = ""
    status: int = 0
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    answer_body: bytes | None = None
    parsed: bool = True


def check(exchange: Exchange, status: int, headers: Mapping[str, str], body: bytes, *, plain: bytes | None) -> None:
    """Fail unless an answer is the exchange's own; `plain` is what a plain request to the path was answered."""
    assert status == exchange.status
    if exchange.answer_body is None:
        assert _steady(exchange, body) == _steady(exchange, plain or b"")
    else:
        assert body == exchange.answer_body
    found = {name: value for name, value in headers.items() if name != "date"}
    if "allow" in found:
        found["allow"] = ", ".join(sorted(found["allow"].split(", ")))
    if "content-type" not in exchange.answer_headers:
        found = {name: value for name, value in found.items() if name in exchange.answer_headers}
    assert found == exchange.answer_headers
    assert CANARY not in f"{headers}{body!r}"


def _steady(exchange: Exchange, body: bytes) -> bytes:
    """Leave out what changes from one moment to the next: what the metrics have counted."""
    if exchange.path != "/metrics":
        return body
    return b"\n".join(line for line in body.splitlines() if line.startswith(b"#"))


def exchanges(bundle: BundleFiles, event: ModelPromoted) -> Iterator[Exchange]:
    """Yield every case of the catalogues, answered by this model under this promotion."""
    for number, case in enumerate([*CASES, *BATCH_CASES, *ROUTE_CASES]):
        yield _of_case(case, f"case-{number}") if isinstance(case, Case) else _of_route(case, f"case-{number}")
    model = _Model(bundle, event)
    for number, good in enumerate(GOOD_CASES):
        yield model.answered(good, f"good-{number}")


def _of_case(case: Case, request_id: str) -> Exchange:
    request = Exchange(
        name=case.name, method="POST", path=case.path, headers={**BEARER, **case.headers}, body=case.body
    )
    return _refused(_named(request, request_id), case.code, case.faults)


def _of_route(case: RouteCase, request_id: str) -> Exchange:
    request = Exchange(name=case.name, method=case.method, path=case.path, headers=case.headers)
    request = _named(request, request_id)
    if case.status == HTTPStatus.OK:
        body = b"" if case.method == "HEAD" else None
        return replace(request, status=case.status, answer_headers={"x-request-id": request_id}, answer_body=body)
    return _refused(request, case.code or "METHOD_NOT_ALLOWED", ())


def _named(request: Exchange, request_id: str) -> Exchange:
    return replace(request, request_id=request_id, headers={**request.headers, "x-request-id": request_id})


def _refused(request: Exchange, code: str, faults: tuple[tuple[str, str], ...]) -> Exchange:
    kind = ProblemKind[code]
    errors = [{"path": path, "reason": reason} for path, reason in faults]
    problem = {
        "title": kind.title,
        "status": kind.status,
        "code": code,
        "detail": kind.detail,
        "request_id": request.request_id,
        **({"errors": errors} if errors else {}),
    }
    body = json.dumps(problem, separators=(",", ":")).encode()
    announced = request.headers.get("content-length", str(len(request.body)))
    headers = _headers("application/problem+json", body, request.request_id)
    if code in CHALLENGES:
        headers["www-authenticate"] = CHALLENGES[code]
    if code == "METHOD_NOT_ALLOWED":
        headers["allow"] = ALLOWED.get(request.path, "GET, HEAD")
    parsed = request.method not in REFUSED_METHODS and announced.isdigit() and int(announced) < 2**64
    if announced != "0" and not (parsed and code in READ_WHOLE):
        headers["connection"] = "close"
    answer = b"" if request.method == "HEAD" else body
    return replace(request, status=kind.status, answer_headers=headers, answer_body=answer, parsed=parsed)


def _headers(content_type: str, body: bytes, request_id: str) -> dict[str, str]:
    return {
        "content-type": content_type,
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "x-request-id": request_id,
    }


class _Model:
    """What a model answers, worked out apart from everything that serves."""

    def __init__(self, bundle: BundleFiles, event: ModelPromoted) -> None:
        calibration = msgspec.json.decode(bundle.files[CALIBRATION_FILE], type=Calibration)
        self._calibration = calibration
        self._bundle = bundle
        self._served = ServedModel(
            name=event.model,
            model_id=event.model_id,
            version=event.version,
            epoch=event.epoch,
            lineage=event.lineage,
        )

    def answered(self, case: GoodCase, request_id: str) -> Exchange:
        """Give the exchange of a good case; its Idempotency-Key makes the ids known before."""
        probabilities = offline_probabilities(self._bundle, [row_of(values) for values in case.encounters])
        answers = [
            self._prediction(case, item, probability, request_id) for item, probability in enumerate(probabilities)
        ]
        body = msgspec.json.encode(answers if case.batch else answers[0])
        request = Exchange(
            name=case.name,
            method="POST",
            path=BATCH if case.batch else PREDICT,
            headers={**BEARER, **case.headers, "idempotency-key": request_id},
            body=case.body,
        )
        return replace(
            _named(request, request_id),
            status=HTTPStatus.OK,
            answer_headers=_headers("application/json", body, request_id),
            answer_body=body,
        )

    def _prediction(self, case: GoodCase, item: int, probability: float, name: str) -> Prediction:
        return Prediction(
            prediction_id=prediction_id(
                key_id_of(KEY) or "",
                name,
                sha256(case.body).hexdigest(),
                model_id=self._served.model_id,
                epoch=self._served.epoch,
                item=item,
            ),
            probability=probability,
            decision=self._calibration.decision(probability),
            threshold=self._calibration.threshold.value,
            model=self._served,
        )


def row_of(values: Values) -> dict[str, str]:
    """Give the row of the file, by SQL name, that a request is about."""
    return {column.sql_name: str(values[column.name]) for column in REQUEST_COLUMNS}
