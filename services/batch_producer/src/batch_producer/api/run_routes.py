"""Answer what became of runs and commands; start and cancel a run by publishing a command."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID, uuid5

from fastapi import APIRouter, Header, Query, Request, Response
from readmit_contracts import ids
from readmit_contracts.commands import CancelIngestion, StartIngestion
from readmit_contracts.source import SPLITS, SourceFile
from readmit_contracts.topics import INGESTION_COMMANDS
from readmit_runtime import trace_context
from readmit_runtime.errors import Rejected, Transient
from readmit_runtime.messages import outgoing
from readmit_runtime.producer import Producer

from batch_producer.api.bodies import CancelBody, StartBody, read_body
from batch_producer.api.models import Accepted, CommandResult, RunDetail, Runs
from batch_producer.api.problems import Refused, answers
from batch_producer.api.run_reader import RunReader
from batch_producer.dataset_file import DatasetFile
from batch_producer.planning.selection import BatchStatus, select

SOURCE = "/readmit/batch_producer/api"

_KEY = re.compile(r"[\x21-\x7e]{1,200}")

IdempotencyKey = Annotated[
    str | None,
    Header(description="The same key is the same command, which acts once; 1 to 200 visible ASCII characters."),
]
Limit = Annotated[int, Query(ge=1, le=500, description="How many runs.")]


def run_routes(reader: RunReader, dataset: DatasetFile, producer: Producer, *, new_id: Callable[[], UUID]) -> APIRouter:
    """Make the routes under /v1/runs and /v1/commands; `new_id` names a command that came without a key."""
    router = APIRouter(
        prefix="/v1",
        tags=["runs"],
        responses=answers(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    )

    @router.get("/runs", summary="The latest runs and how far they are")
    async def list_runs(limit: Limit = 50) -> Runs:
        return Runs(runs=await reader.runs(limit=limit))

    @router.get("/runs/{run_id}", summary="One run and each of its batches", responses=answers(HTTPStatus.NOT_FOUND))
    async def show_run(run_id: UUID) -> RunDetail:
        return await _known(reader, run_id)

    @router.post(
        "/runs",
        summary="Start a run",
        status_code=HTTPStatus.ACCEPTED,
        responses=_POSTED,
        openapi_extra=_body("StartBody", {"batches": {"train": "all", "validation": [0], "test": {"next": 1}}}),
    )
    async def start_run(request: Request, response: Response, idempotency_key: IdempotencyKey = None) -> Accepted:
        body = await read_body(request, StartBody)
        _check(body, await dataset.read())
        command_id = _command_id("start", idempotency_key, new_id)
        await _publish(producer, body.command(), command_id)
        run_id = ids.run_id(command_id)
        response.headers["location"] = f"/v1/runs/{run_id}"
        return Accepted(command_id=command_id, run_id=run_id)

    @router.post(
        "/runs/{run_id}/cancel",
        summary="Cancel a run",
        status_code=HTTPStatus.ACCEPTED,
        responses={**_POSTED, **answers(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)},
        openapi_extra=_body("CancelBody", {"reason": "Started by mistake."}, required=False),
    )
    async def cancel_run(
        run_id: UUID, request: Request, response: Response, idempotency_key: IdempotencyKey = None
    ) -> Accepted:
        body = await read_body(request, CancelBody)
        run = await _known(reader, run_id)
        command_id = _command_id(f"cancel:{run_id}", idempotency_key, new_id)
        if run.state not in {"planned", "streaming"} and await reader.command(command_id) is None:
            raise Refused(HTTPStatus.CONFLICT, "RUN_STATE", f"The run is {run.state}; there is nothing to cancel.")
        await _publish(producer, CancelIngestion(run_id=run_id, reason=body.reason), command_id)
        response.headers["location"] = f"/v1/runs/{run_id}"
        return Accepted(command_id=command_id, run_id=run_id)

    @router.get("/commands/{command_id}", summary="What became of a command", responses=answers(HTTPStatus.NOT_FOUND))
    async def show_command(command_id: UUID) -> CommandResult:
        result = await reader.command(command_id)
        if result is None:
            raise Refused(
                HTTPStatus.NOT_FOUND, "UNKNOWN_COMMAND", "No such command had its turn yet; ask again in a moment."
            )
        return result

    return router


_POSTED: dict[int | str, dict[str, Any]] = {
    **answers(HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    202: {
        "description": "The command was published; it is done in its turn.",
        "headers": {"location": {"description": "Where the run is shown.", "schema": {"type": "string"}}},
    },
}


def _body(schema: str, example: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": example}}
    return {"requestBody": {"required": required, "content": content}}


async def _known(reader: RunReader, run_id: UUID) -> RunDetail:
    run = await reader.run(run_id)
    if run is None:
        raise Refused(
            HTTPStatus.NOT_FOUND,
            "UNKNOWN_RUN",
            "There is no run of this id. One just asked for is there after its command's turn; a refused command has "
            "none, see /v1/commands.",
        )
    return run


def _check(body: StartBody, source: SourceFile) -> None:
    """Refuse at once what planning would refuse later, as far as the dataset's file tells."""
    if body.dataset_sha256 not in {None, source.sha256}:
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY, "DATASET_SHA256", "The dataset has another digest; see /v1/dataset."
        )
    batches = {
        split: [BatchStatus(batch=batch.batch, rows=batch.rows) for batch in source.batches(split)] for split in SPLITS
    }
    try:
        select(body.batches, batches)
    except Rejected as error:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, error.reason, error.detail) from error


def _command_id(what: str, key: str | None, new_id: Callable[[], UUID]) -> UUID:
    if key is None:
        return new_id()
    if not _KEY.fullmatch(key):
        raise Refused(
            HTTPStatus.BAD_REQUEST, "INVALID_IDEMPOTENCY_KEY", "Send 1 to 200 visible ASCII characters as the key."
        )
    return uuid5(ids.NAMESPACE, f"rest:{what}:{key}")


async def _publish(producer: Producer, command: StartIngestion | CancelIngestion, command_id: UUID) -> None:
    traceparent = trace_context.of_command(command_id)
    try:
        await producer.publish(
            outgoing(INGESTION_COMMANDS, command, source=SOURCE, id=command_id, traceparent=traceparent)
        )
    except Transient as error:
        raise Refused(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "DELIVERY_UNKNOWN",
            f"Kafka did not confirm the command {command_id}; it may act all the same. Send the request again with the "
            "same Idempotency-Key.",
        ) from error
