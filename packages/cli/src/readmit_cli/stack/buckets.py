"""Give the local object store its buckets, and each program a key with only what it needs."""

from collections.abc import Mapping, Sequence

from minio import Minio, MinioAdmin
from minio.credentials.providers import StaticProvider
from minio.error import MinioException
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

from readmit_cli.stack.credentials import OBJECT_STORE_ROOT
from readmit_cli.stack.environment import MLFLOW_BUCKET, MODELS_BUCKET, Addresses
from readmit_cli.stack.errors import StackError

_READ = ("s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation")
_WRITE = ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")

# The trainer's MLflow client writes artifacts by itself; MLflow's server only shows them.
_RIGHTS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "trainer": {MODELS_BUCKET: (*_READ, *_WRITE), MLFLOW_BUCKET: (*_READ, *_WRITE)},
    "predictor": {MODELS_BUCKET: _READ},
    "mlflow": {MLFLOW_BUCKET: _READ},
}


def ensure(addresses: Addresses) -> None:
    """Make what is missing; what is there keeps its content. Raises StackError."""
    try:
        for bucket in (MODELS_BUCKET, MLFLOW_BUCKET):
            make_bucket(addresses, bucket)
        admin = _admin(addresses)
        for user, rights in _RIGHTS.items():
            admin.user_add(user, addresses.bucket(user).secret_key)
            admin.policy_add(f"readmit-{user}", policy=_policy(rights))
            # This older form of attaching is idempotent; `attach_policy` refuses what is attached already.
            admin.policy_set(f"readmit-{user}", user=user)
    except (MinioException, HTTPError) as error:
        raise StackError(f"The object store at {addresses.object_store} refuses its set-up: {error}") from error


def make_bucket(addresses: Addresses, bucket: str) -> None:
    """Make a bucket as root unless it is there."""
    root = addresses.bucket(OBJECT_STORE_ROOT, bucket)
    client = Minio(
        endpoint=root.endpoint,
        access_key=root.access_key,
        secret_key=root.secret_key,
        region=root.region,
        secure=root.secure,
        http_client=_pool(),
    )
    if not client.bucket_exists(bucket_name=bucket):
        client.make_bucket(bucket_name=bucket)


def _admin(addresses: Addresses) -> MinioAdmin:
    root = addresses.bucket(OBJECT_STORE_ROOT)
    return MinioAdmin(
        endpoint=root.endpoint,
        credentials=StaticProvider(root.access_key, root.secret_key),
        region=root.region,
        secure=root.secure,
        http_client=_pool(),
    )


def _policy(rights: Mapping[str, Sequence[str]]) -> dict[str, object]:
    statements = [
        {
            "Effect": "Allow",
            "Action": sorted(actions),
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        }
        for bucket, actions in rights.items()
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def _pool() -> PoolManager:
    # The SDK's own pool waits five minutes and retries five times, which hides a server that is not there.
    return PoolManager(timeout=Timeout(connect=2.0, read=10.0), retries=Retry(total=2, backoff_factor=0.2))
