"""Put the REST API together."""

from collections.abc import Callable, Sequence
from uuid import UUID

from fastapi import FastAPI
from readmit_runtime.producer import Producer
from starlette.routing import BaseRoute

from batch_producer.api import problems, schemas
from batch_producer.api.dataset_routes import dataset_routes
from batch_producer.api.run_reader import RunReader
from batch_producer.api.run_routes import run_routes
from batch_producer.dataset_file import DatasetFile

_DESCRIPTION = (
    "The dataset, cut into splits and batches, and the runs that stream it into the store. Starting and cancelling "
    "publish a command and answer 202; what became of it is shown under the ids in the answer. Every error is "
    "application/problem+json with a code for programs."
)


def create_app(
    *,
    reader: RunReader,
    dataset: DatasetFile,
    producer: Producer,
    health: Sequence[BaseRoute],
    new_id: Callable[[], UUID],
) -> FastAPI:
    """Make the application; `health` is served beside the API and not described in it."""
    app = FastAPI(title="readmit batch producer", version="1", description=_DESCRIPTION, redoc_url=None)
    problems.install(app)
    app.include_router(dataset_routes(dataset))
    app.include_router(run_routes(reader, dataset, producer, new_id=new_id))
    app.router.routes.extend(health)
    schemas.add_components(app)
    return app
