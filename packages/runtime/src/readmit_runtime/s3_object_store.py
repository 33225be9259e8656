"""Keep objects in an S3 bucket by the minio SDK, in threads, with time limits of our own."""

import asyncio
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError

from readmit_runtime.errors import Transient
from readmit_runtime.object_store import (
    ObjectDiffers,
    ObjectMissing,
    ObjectTooLarge,
    StoredObject,
    check_key,
    check_prefix,
)
from readmit_runtime.settings import ObjectStoreSettings

_ABSENT = frozenset({"NoSuchKey", "NoSuchObject"})
# What a healthy store answers to the same request a little later.
_TRANSIENT_CODES = frozenset(
    {
        "InternalError",
        "OperationAborted",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "SlowDownRead",
        "SlowDownWrite",
        "XMinioServerNotInitialized",
    }
)
_READ_BYTES = 1024 * 1024


class BucketMissing(Exception):
    """The object store has no such bucket, or does not let this key use it."""


class S3ObjectStore:
    """An ObjectStore on one bucket; the bucket must exist.

    Only plain S3 is spoken: HEAD, GET, PUT (in parts above 5 MiB) and ListObjectsV2. Missing rights and a missing
    bucket raise the SDK's S3Error: time does not heal them.
    """

    def __init__(self, settings: ObjectStoreSettings) -> None:
        self._bucket = settings.bucket
        self._client = Minio(
            settings.endpoint,
            access_key=settings.access_key,
            secret_key=settings.secret_key.get_secret_value(),
            secure=settings.secure,
            region=settings.region,  # given, so that the SDK asks nobody for it
            http_client=_connections(settings),
        )

    async def put_if_absent(self, key: str, content: bytes | Path) -> bool:
        """Write unless the key is there; tell whether it was written. Raises ObjectDiffers, Transient."""
        return await asyncio.to_thread(self._put_if_absent, check_key(key), content)

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        """Return the bytes. Raises ObjectMissing, ObjectTooLarge, Transient."""
        return await asyncio.to_thread(self._get, check_key(key), max_bytes)

    async def stat(self, key: str) -> StoredObject | None:
        """Return the entry, or None. Raises Transient."""
        return await asyncio.to_thread(self._stat, check_key(key))

    async def exists(self, key: str) -> bool:
        """Tell whether the object is there. Raises Transient."""
        return await self.stat(key) is not None

    async def list(self, prefix: str) -> tuple[StoredObject, ...]:
        """Return the entries whose keys begin with the prefix, in order. Raises Transient."""
        return await asyncio.to_thread(self._list, check_prefix(prefix))

    async def check_bucket(self) -> None:
        """Return when the bucket is there and may be used; raises BucketMissing, Transient."""
        await asyncio.to_thread(self._check_bucket)

    def _check_bucket(self) -> None:
        try:
            with _transient_errors():
                found = self._client.bucket_exists(self._bucket)
        except S3Error as error:
            raise BucketMissing(
                f"the object store answers {error.code} for the bucket {self._bucket}: it is not there, or the key may "
                "not use it."
            ) from error
        if not found:
            raise BucketMissing(f"the object store has no bucket {self._bucket}; make it, or name the right one.")

    def _put_if_absent(self, key: str, content: bytes | Path) -> bool:
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        known = self._stat(key)
        if known is not None:
            if known.size != size:
                raise ObjectDiffers(f"the object {key} is there with {known.size} bytes instead of {size}")
            return False
        with (
            _transient_errors(),
            io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as data,
        ):
            self._client.put_object(self._bucket, key, data, size)
        return True

    def _get(self, key: str, max_bytes: int) -> bytes:
        with _transient_errors(key):
            response = self._client.get_object(self._bucket, key)
            try:
                declared = int(response.headers.get("content-length", "0"))
                received = bytearray()
                while declared <= max_bytes and len(received) <= max_bytes:
                    part = response.read(_READ_BYTES)
                    if not part:
                        return bytes(received)
                    received += part
            finally:
                # What was not read stays unread: the connection is dropped instead of drained.
                response.close()
                response.release_conn()
        raise ObjectTooLarge(f"the object {key} has more than {max_bytes} bytes")

    def _stat(self, key: str) -> StoredObject | None:
        try:
            with _transient_errors(key):
                found = self._client.stat_object(self._bucket, key)
        except ObjectMissing:
            return None
        return StoredObject(key, int(found.size or 0))

    def _list(self, prefix: str) -> tuple[StoredObject, ...]:
        with _transient_errors():
            entries = self._client.list_objects(self._bucket, prefix=prefix, recursive=True)
            found = [StoredObject(str(entry.object_name), int(entry.size or 0)) for entry in entries]
        return tuple(sorted(found, key=lambda entry: entry.key))


@contextmanager
def _transient_errors(key: str | None = None) -> Iterator[None]:
    try:
        yield
    except S3Error as error:
        if error.code in _ABSENT and key is not None:
            raise ObjectMissing(f"no object {key}") from error
        if error.code in _TRANSIENT_CODES:
            raise Transient(f"the object store answered {error.code}") from error
        raise
    except (ServerError, InvalidResponseError) as error:
        raise Transient("the object store answered with a fault that is not S3's") from error
    except urllib3.exceptions.HTTPError as error:
        raise Transient(f"the object store can't be reached: {type(error).__name__}") from error
    except MinioException as error:
        raise Transient("the request to the object store could not be completed") from error


def _connections(settings: ObjectStoreSettings) -> urllib3.PoolManager:
    return urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=settings.connect_timeout_s, read=settings.read_timeout_s),
        # One more try for a kept connection that the store has closed; longer waits are the caller's business.
        retries=urllib3.Retry(total=1, backoff_factor=0.1, redirect=False),
        maxsize=8,
        cert_reqs="CERT_REQUIRED",
        ca_certs=None if settings.ca_file is None else str(settings.ca_file),
    )
