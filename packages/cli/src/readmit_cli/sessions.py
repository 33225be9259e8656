"""Open the connections of one command: the status views, the store and its ledger, the command topic."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from readmit_runtime.database import DirectConnection, connect, transient_errors
from readmit_runtime.errors import Transient
from readmit_runtime.kafka_producer import KafkaProducer
from readmit_runtime.messages import OutgoingRecord
from readmit_runtime.producer import Position, Producer
from readmit_runtime.producer_settings import ProducerSettings
from readmit_runtime.settings import KafkaSettings, PostgresSettings

from readmit_cli.asking import requests
from readmit_cli.asking.requests import Request
from readmit_cli.model_status_store import ModelStatusStore
from readmit_cli.status_store import StatusStore

CLIENT_ID = "readmit-cli"


@asynccontextmanager
async def database(settings: PostgresSettings) -> AsyncIterator[DirectConnection]:
    """Connect for the length of the block; raises Transient, which names the place, whenever the connection fails."""
    try:
        with transient_errors():
            connection = await connect(settings, application_name=CLIENT_ID)
            try:
                yield connection
            finally:
                await connection.close(timeout=1.0)
    except Transient as error:
        raise Transient(f"{error} ({settings.host}:{settings.port}, database {settings.database}).") from error


@asynccontextmanager
async def status(settings: PostgresSettings) -> AsyncIterator[StatusStore]:
    """Open the status views of the store for the length of the block; raises Transient."""
    async with views(settings) as (store, _):
        yield store


@asynccontextmanager
async def views(settings: PostgresSettings) -> AsyncIterator[tuple[StatusStore, ModelStatusStore]]:
    """Open the status views of the store and of the models for the length of the block; raises Transient."""
    async with database(settings) as connection:
        yield StatusStore(connection), ModelStatusStore(connection)


async def publish(request: Request, settings: KafkaSettings) -> None:
    """Put one command into Kafka; raises what `requests.publish` raises."""
    async with _publisher(settings) as producer:
        await requests.publish(request, producer)


async def write(record: OutgoingRecord, settings: KafkaSettings) -> Position:
    """Put one record into Kafka and return where it stands; raises DeliveryUnknown, Transient or RecordTooLarge."""
    async with _publisher(settings) as producer:
        return await producer.publish(record)


@asynccontextmanager
async def _publisher(settings: KafkaSettings) -> AsyncIterator[Producer]:
    """Open a producer for the length of the block."""
    producer = KafkaProducer(settings, ProducerSettings(), client_id=CLIENT_ID)
    try:
        yield producer
    finally:
        await producer.close()
