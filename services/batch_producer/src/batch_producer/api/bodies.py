"""Read the bodies of requests: bounded, JSON, and with no field that nobody knows."""

import re
from http import HTTPStatus
from typing import Annotated, TypeVar

import msgspec
from fastapi import Request
from msgspec import Meta
from readmit_contracts.commands import StartIngestion
from readmit_contracts.fields import Why
from readmit_contracts.predictions import FieldProblem

from batch_producer.api.problems import Refused

BODY_MAX_BYTES = 64 * 1024  # a list of every batch that a run may have takes 12 KB

_JSON_TYPE = re.compile(r"application/json(?:\s*;\s*charset=\"?utf-8\"?)?", re.IGNORECASE)
_PATH = re.compile(r" - at `(?:key in )?`?(\$[A-Za-z0-9_.\[\]]*)")


class StartBody(StartIngestion, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which batches to stream, and what follows."""

    def command(self) -> StartIngestion:
        """Return the command that says the same."""
        return StartIngestion(batches=self.batches, then=self.then, dataset_sha256=self.dataset_sha256)


class CancelBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a run is to be cancelled."""

    reason: Annotated[Why, Meta(description="Why, for the record.")] = "Cancelled over REST."


Body = TypeVar("Body", bound=msgspec.Struct)


async def read_body(request: Request, body_type: type[Body]) -> Body:
    """Return the request's body; one without any bytes counts as an empty object.

    Raises Refused: 413 over `BODY_MAX_BYTES`, announced or counted; 415 for another type than JSON; 400 for what is
    not JSON in UTF-8; 422 for what is not as the type says.
    """
    received = bytearray()
    async for part in request.stream():
        received += part
        if len(received) > BODY_MAX_BYTES:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "TOO_LARGE", f"Send at most {BODY_MAX_BYTES // 1024} KiB."
            )
    if received and not _JSON_TYPE.fullmatch(request.headers.get("content-type", "")):
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_TYPE", "Send content-type application/json in UTF-8."
        )
    try:
        value = msgspec.json.decode(bytes(received) or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(HTTPStatus.BAD_REQUEST, "MALFORMED", "Send one JSON object in UTF-8.") from None
    try:
        return msgspec.convert(value, body_type)
    except msgspec.ValidationError as error:
        found = _PATH.search(str(error))
        path = found.group(1) if found else "$"
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "INVALID_BODY",
            "Correct what errors names; see /docs.",
            errors=[FieldProblem(path=path, reason="missing, unknown, of another type or out of its range")],
        ) from None
