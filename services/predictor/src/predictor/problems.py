"""Name every error answer, once: its status, its code, and what the caller is to do."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

import msgspec
from readmit_contracts.predictions import FieldProblem, Problem

CONTENT_TYPE = b"application/problem+json"

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class ProblemKind(Enum):
    """The kinds of error answer; a member's name is the `code` in the body.

    `challenge` is the WWW-Authenticate header of those that another key could turn into an answer.
    """

    MALFORMED = (400, "The body is not JSON", "Send JSON in UTF-8, without a byte order mark.")
    AMBIGUOUS = (400, "The body can be read in two ways", "Send each field once, and no NUL character.")
    INVALID_IDEMPOTENCY_KEY = (
        400,
        "The Idempotency-Key is not accepted",
        "Send one, of 1 to 255 visible ASCII characters, or none.",
    )
    NO_KEY = (401, "There is no access key", "Send Authorization: Bearer <key>.", "Bearer")
    KEY_REFUSED = (
        401,
        "The access key is not accepted",
        "Send Authorization: Bearer <key>, with a key that is neither expired nor revoked.",
        'Bearer error="invalid_token"',
    )
    SCOPE_MISSING = (
        403,
        "The access key is not for this",
        "Ask for a key with the scope predict.",
        'Bearer error="insufficient_scope", scope="predict"',
    )
    NOT_FOUND = (404, "There is nothing here", "See /docs for what can be asked.")
    METHOD_NOT_ALLOWED = (405, "The method does not fit the path", "See /docs for what can be asked.")
    TOO_SLOW = (408, "The body did not arrive in time", "Send the request again, all of it at once.")
    TOO_LARGE = (413, "The body is too large", "An encounter has some 1,000 bytes, a batch at most 1,000 encounters.")
    UNSUPPORTED_TYPE = (415, "The content type is not accepted", "Send content-type application/json in UTF-8.")
    UNSUPPORTED_ENCODING = (415, "The content encoding is not accepted", "Send the body as it is, not compressed.")
    INVALID_ENCOUNTER = (422, "The encounter is not valid", "Correct the fields that errors names; see /docs.")
    INTERNAL = (500, "The request could not be answered", "Give the request id to whoever runs the service.")
    LOG_FULL = (503, "The prediction cannot be recorded", "Send the request again later, or to another replica.")
    NO_MODEL = (503, "No model is loaded yet", "Send the request again later, or to another replica.")
    KEYS_UNKNOWN = (503, "The access keys are not known yet", "Send the request again later, or to another replica.")
    OVERLOADED = (503, "Too many requests are under way", "Send the request again later, or to another replica.")

    def __init__(self, status: int, title: str, detail: str, challenge: str | None = None) -> None:
        self.status = status
        self.title = title
        self.detail = detail
        self.challenge = challenge


class Refused(Exception):
    """A request that gets an error answer. `errors` name fields, `headers` go into the answer as they are."""

    def __init__(
        self,
        kind: ProblemKind,
        *,
        errors: tuple[FieldProblem, ...] = (),
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        super().__init__(kind.name)
        self.kind = kind
        self.errors = errors
        self.headers = headers


def body_of(refusal: Refused, *, request_id: str) -> bytes:
    """Return the answer's body, a `Problem` as JSON."""
    kind = refusal.kind
    return msgspec.json.encode(
        Problem(
            title=kind.title,
            status=kind.status,
            code=kind.name,
            detail=kind.detail,
            request_id=request_id,
            errors=refusal.errors,
        )
    )
