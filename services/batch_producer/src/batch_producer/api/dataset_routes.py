"""Answer what the dataset is: its size, splits, columns, batches and their rows."""

import asyncio
from http import HTTPStatus
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Response
from readmit_contracts.columns import COLUMNS
from readmit_contracts.source import BATCH_ROWS, DATASET_SHA256, SPLITS, BatchRange, SourceFile, Split

from batch_producer.api import encounters
from batch_producer.api.models import BatchInfo, ColumnInfo, DatasetInfo, SplitBatches, SplitInfo
from batch_producer.api.problems import Refused, answers
from batch_producer.api.schemas import ROWS_SCHEMA
from batch_producer.dataset_file import DatasetFile

DEFAULT_LIMIT = 100

SplitPath = Annotated[str, Path(description="train, validation or test.", examples=["validation"])]
BatchPath = Annotated[int, Path(description="The batch, from 0.", examples=[0])]
Limit = Annotated[int, Query(ge=1, le=BATCH_ROWS, description="How many of the batch's rows, from its first.")]


def dataset_routes(dataset: DatasetFile) -> APIRouter:
    """Make the routes under /v1/dataset and /v1/splits; without a readable file they answer 503."""
    router = APIRouter(prefix="/v1", tags=["dataset"], responses=answers(HTTPStatus.SERVICE_UNAVAILABLE))

    @router.get("/dataset", summary="What the dataset is")
    async def describe_dataset() -> DatasetInfo:
        source = await dataset.read()
        return DatasetInfo(
            dataset_id=source.dataset_id,
            sha256=source.sha256,
            real=source.sha256 == DATASET_SHA256,
            rows=sum(source.rows(split) for split in SPLITS),
            columns=len(COLUMNS),
            splits=[_split(source, split) for split in SPLITS],
        )

    @router.get("/dataset/columns", summary="What its columns mean, in the order of the file")
    async def describe_columns() -> list[ColumnInfo]:
        return [ColumnInfo.model_validate(msgspec.structs.asdict(column), strict=False) for column in COLUMNS]

    @router.get("/splits", summary="The splits and their sizes")
    async def list_splits() -> list[SplitInfo]:
        source = await dataset.read()
        return [_split(source, split) for split in SPLITS]

    @router.get(
        "/splits/{split}/batches",
        summary="How many batches a split has, and how large each is",
        responses=answers(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY),
    )
    async def list_batches(split: SplitPath) -> SplitBatches:
        source = await dataset.read()
        known = _known(split)
        batches = source.batches(known)
        return SplitBatches(
            split=known,
            rows=source.rows(known),
            count=len(batches),
            batches=[BatchInfo(batch=batch.batch, first_row=batch.first_row, size=batch.rows) for batch in batches],
        )

    @router.get(
        "/splits/{split}/batches/{batch}",
        summary="The rows of one batch, as they stand in the file",
        response_class=Response,
        responses={
            **answers(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY),
            200: {"description": "The batch's first rows.", "content": {"application/json": {"schema": ROWS_SCHEMA}}},
        },
    )
    async def show_batch(split: SplitPath, batch: BatchPath, limit: Limit = DEFAULT_LIMIT) -> Response:
        source = await dataset.read()
        found = _batch(source, _known(split), batch)
        last = batch + 1 == len(source.batches(found.split))
        following = None if last else f"/v1/splits/{split}/batches/{batch + 1}?limit={limit}"
        lines = source.batch_lines(found)[:limit]
        return Response(
            await asyncio.to_thread(encounters.page, found, lines, following=following), media_type="application/json"
        )

    return router


def _split(source: SourceFile, split: Split) -> SplitInfo:
    return SplitInfo(split=split, rows=source.rows(split), batches=len(source.batches(split)))


def _known(name: str) -> Split:
    for split in SPLITS:
        if split == name:
            return split
    raise Refused(HTTPStatus.NOT_FOUND, "UNKNOWN_SPLIT", f"There is no such split; the splits are {', '.join(SPLITS)}.")


def _batch(source: SourceFile, split: Split, number: int) -> BatchRange:
    batches = source.batches(split)
    if number < 0:
        raise Refused(HTTPStatus.BAD_REQUEST, "NEGATIVE_BATCH", "Batches are numbered from 0.")
    if number >= len(batches):
        raise Refused(
            HTTPStatus.NOT_FOUND, "UNKNOWN_BATCH", f"The split {split} has {len(batches)} batches, numbered from 0."
        )
    return batches[number]
