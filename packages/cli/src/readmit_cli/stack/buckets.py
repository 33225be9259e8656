"""Give the local object store its buckets, and each program a key with only what it needs."""

import json
from collections.abc import Mapping, Sequence

from minio import Minio, MinioAdmin
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException, MinioException
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

from readmit_cli.stack.credentials import OBJECT_STORE_ROOT
from readmit_cli.stack.environment import MLFLOW_BUCKET, MODELS_BUCKET, Addresses
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.readiness import PROBE_TIMEOUT_S
from readmit_cli.stack.s3_server import S3Server

_READ = ("s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation")
_WRITE = ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")

# The trainer's MLflow client writes artifacts by itself; MLflow's server only shows them.
RIGHTS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "trainer": {MODELS_BUCKET: (*_READ, *_WRITE), MLFLOW_BUCKET: (*_READ, *_WRITE)},
    "predictor": {MODELS_BUCKET: _READ},
    "mlflow": {MLFLOW_BUCKET: _READ},
}

# MinIO answers 503 for a moment after its start, to its own health address never. One second between two tries.
_START_TRIES = 60
_ERRORS = (MinioException, MinioAdminException, HTTPError)


def why_not_ready(addresses: Addresses) -> str | None:
    """Ask for the buckets, as root: None when the server answers, else a short reason."""
    try:
        _client(addresses, PoolManager(timeout=PROBE_TIMEOUT_S, retries=False)).list_buckets()
    except _ERRORS as error:
        return f"http://{addresses.object_store}: {error}"
    return None


def ensure(addresses: Addresses, server: S3Server) -> None:
    """Make what is missing; what is there keeps its content. Raises StackError."""
    try:
        for bucket in (MODELS_BUCKET, MLFLOW_BUCKET):
            make_bucket(addresses, bucket)
        if server is S3Server.MINIO:
            _allow_by_user(addresses)
        else:
            _allow_by_bucket(addresses)
    except _ERRORS as error:
        raise StackError(f"The object store at {addresses.object_store} refuses its set-up: {error}") from error


def make_bucket(addresses: Addresses, bucket: str) -> None:
    """Make a bucket as root unless it is there."""
    client = _client(addresses, _pool())
    if not client.bucket_exists(bucket_name=bucket):
        client.make_bucket(bucket_name=bucket)


def _allow_by_user(addresses: Addresses) -> None:
    # MinIO's own interface for users; its bucket policies know the public alone.
    root = addresses.bucket(OBJECT_STORE_ROOT)
    admin = MinioAdmin(
        endpoint=root.endpoint,
        credentials=StaticProvider(root.access_key, root.secret_key),
        region=root.region,
        secure=root.secure,
        http_client=_pool(),
    )
    for user in RIGHTS:
        admin.user_add(user, addresses.bucket(user).secret_key)
        admin.policy_add(f"readmit-{user}", policy=policy_of(user))
        # This older form of attaching is idempotent; `attach_policy` refuses what is attached already.
        admin.policy_set(f"readmit-{user}", user=user)


def _allow_by_bucket(addresses: Addresses) -> None:
    # Plain S3. The users are there since before the server's start.
    client = _client(addresses, _pool())
    for bucket in (MODELS_BUCKET, MLFLOW_BUCKET):
        statements = [
            _allow(bucket, rights[bucket]) | {"Principal": {"AWS": [user]}}
            for user, rights in RIGHTS.items()
            if bucket in rights
        ]
        client.set_bucket_policy(bucket_name=bucket, policy=json.dumps(_policy(statements)))


def policy_of(user: str) -> dict[str, object]:
    """Answer what a user may do, as MinIO's policies say it."""
    return _policy([_allow(bucket, actions) for bucket, actions in RIGHTS[user].items()])


def _allow(bucket: str, actions: Sequence[str]) -> dict[str, object]:
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    return {"Effect": "Allow", "Action": sorted(actions), "Resource": resources}


def _policy(statements: Sequence[Mapping[str, object]]) -> dict[str, object]:
    return {"Version": "2012-10-17", "Statement": statements}


def _client(addresses: Addresses, pool: PoolManager) -> Minio:
    root = addresses.bucket(OBJECT_STORE_ROOT)
    return Minio(
        endpoint=root.endpoint,
        access_key=root.access_key,
        secret_key=root.secret_key,
        region=root.region,
        secure=root.secure,
        http_client=pool,
    )


def _pool() -> PoolManager:
    # The SDK's own pool waits five minutes, which hides a server that is not there; MinIO's Retry-After is a minute.
    retries = Retry(
        total=None,
        connect=2,
        read=2,
        other=0,
        status=_START_TRIES,
        status_forcelist=(503,),
        respect_retry_after_header=False,
        raise_on_status=False,
        backoff_factor=0.2,
        backoff_max=1.0,
    )
    return PoolManager(timeout=Timeout(connect=2.0, read=10.0), retries=retries)
