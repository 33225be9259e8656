"""Open the status views by Airflow's connection to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from airflow.sdk import Connection

from readmit_airflow.views import StatusViews, open_views

STATUS = "readmit_status"


@asynccontextmanager
async def status_views() -> AsyncIterator[StatusViews]:
    """Connect as the connection readmit_status says; raises what is in views.AWAY."""
    place = await Connection.async_get(STATUS)
    async with open_views(
        host=place.host, port=place.port, database=place.schema, user=place.login, password=place.password
    ) as views:
        yield views
