"""Fixtures of the batch producer's unit tests: the API on a small file, fake runs and a fake broker."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from batch_producer.api.app import create_app
from batch_producer.dataset_file import DatasetFile
from readmit_contracts.columns import FILE_HEADER
from readmit_contracts.topics import INGESTION_COMMANDS
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_producer import FakeProducer
from support.encounters import encounter
from support.fake_run_reader import FakeRunReader
from support.skeleton_dataset import patient_of, skeleton


@pytest.fixture
def new_id() -> UUID:
    """Give the id of every command that came without a key."""
    return UUID("0b8f6c1e-53a7-4a5b-9a0d-2f5f0c5d7e11")


@pytest.fixture
def dataset_path(tmp_path: Path) -> Path:
    """Give a file of 2 batches of train, 1 of validation and none of test; the first row of validation is whole."""
    path = tmp_path / "dataset.csv"
    whole = encounter(7, patient_nbr=patient_of("validation"))
    rest = skeleton(train=15_002, validation=2).removeprefix(f"{FILE_HEADER}\n".encode())
    path.write_bytes(f"{FILE_HEADER}\n{whole}\n".encode() + rest)
    return path


@pytest.fixture
def reader() -> FakeRunReader:
    """Give no runs."""
    return FakeRunReader()


@pytest.fixture
def producer() -> FakeProducer:
    """Give a producer to a broker that has the topic of commands."""
    broker = FakeBroker()
    broker.create_topic(INGESTION_COMMANDS.name)
    return FakeProducer(broker)


@pytest.fixture
async def client(
    dataset_path: Path, reader: FakeRunReader, producer: FakeProducer, new_id: UUID
) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the API."""
    app = create_app(
        reader=reader, dataset=DatasetFile(dataset_path), producer=producer, health=[], new_id=lambda: new_id
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client
