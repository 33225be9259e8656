"""The S3 store keeps the same promises as the one in memory, and tells an outage from a fault."""

import socket

import pytest
from minio.error import S3Error
from pydantic import SecretStr
from readmit_cli.stack.stack import Stack
from readmit_runtime.errors import Transient
from readmit_runtime.object_store import ObjectStore
from readmit_runtime.s3_object_store import S3ObjectStore
from readmit_runtime.settings import ObjectStoreSettings
from support.object_store_contract import ObjectStoreContract


@pytest.fixture(scope="module")
def object_store(each_object_store: Stack) -> Stack:
    """Give every S3 server: only what all of them do is spoken."""
    return each_object_store


class TestS3ObjectStore(ObjectStoreContract):
    @pytest.fixture
    def store(self, object_store_settings: ObjectStoreSettings) -> ObjectStore:
        """Give a store on the test's bucket."""
        return S3ObjectStore(object_store_settings)


async def test_a_store_that_is_not_there_is_transient(object_store_settings: ObjectStoreSettings) -> None:
    """An upload waits for the store to come back; it does not fail the job."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    store = S3ObjectStore(object_store_settings.model_copy(update={"endpoint": endpoint}))
    with pytest.raises(Transient, match="can't be reached"):
        await store.put_if_absent("a", b"x")
    with pytest.raises(Transient):
        await store.list("")


async def test_a_store_that_never_answers_is_transient_in_its_time(object_store_settings: ObjectStoreSettings) -> None:
    """A black hole must cost the read limit, not minutes."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"127.0.0.1:{silent.getsockname()[1]}"
        limits = {"endpoint": endpoint, "read_timeout_s": 0.2, "connect_timeout_s": 0.2}
        store = S3ObjectStore(object_store_settings.model_copy(update=limits))
        with pytest.raises(Transient):
            await store.get("a", max_bytes=1)


async def test_a_wrong_secret_is_a_fault_that_time_does_not_heal(object_store_settings: ObjectStoreSettings) -> None:
    """Retrying a wrong key for ever would look like an outage of the store."""
    store = S3ObjectStore(object_store_settings.model_copy(update={"secret_key": SecretStr("wrong-secret-key")}))
    with pytest.raises(S3Error):
        await store.get("a", max_bytes=1)
    with pytest.raises(S3Error):
        await store.put_if_absent("a", b"x")


async def test_a_missing_bucket_is_a_fault_that_time_does_not_heal(object_store_settings: ObjectStoreSettings) -> None:
    """The stack makes the bucket; a service that writes elsewhere must not make it up."""
    store = S3ObjectStore(object_store_settings.model_copy(update={"bucket": "no-such-bucket"}))
    with pytest.raises(S3Error):
        await store.get("a", max_bytes=1)
    with pytest.raises(S3Error):
        await store.put_if_absent("a", b"x")
