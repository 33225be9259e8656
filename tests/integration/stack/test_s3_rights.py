"""Tests of who may do what in the local stack's buckets, whichever server keeps them."""

import io
from uuid import uuid4

import pytest
from minio import Minio, S3Error
from readmit_cli.stack import buckets
from readmit_cli.stack.credentials import OBJECT_STORE_USERS
from readmit_cli.stack.environment import MLFLOW_BUCKET, MODELS_BUCKET

MULTIPART = b"0123456789abcdef" * (6 * 1024 * 1024 // 16)


def _client(stack, user, **changed):
    connection = stack.object_store(user)
    keys = {"access_key": connection.access_key, "secret_key": connection.secret_key} | changed
    return Minio(endpoint=connection.endpoint, region=connection.region, secure=connection.secure, **keys)


def _put(client, bucket, content=b"a"):
    client.put_object(bucket_name=bucket, object_name="a", data=io.BytesIO(content), length=len(content))


def _get(client, bucket):
    with client.get_object(bucket_name=bucket, object_name="a") as answer:
        return answer.read()


@pytest.fixture(scope="module")
def stack(each_object_store):
    """Give a stack with an object in each bucket."""
    for bucket in (MODELS_BUCKET, MLFLOW_BUCKET):
        _put(_client(each_object_store, "trainer"), bucket)
    return each_object_store


def test_the_trainer_writes_in_parts_and_removes(stack):
    """Frames are larger than one part, and the rights of multipart uploads are rights of their own."""
    trainer = _client(stack, "trainer")
    for bucket in (MODELS_BUCKET, MLFLOW_BUCKET):
        trainer.put_object(
            bucket_name=bucket, object_name="large", data=io.BytesIO(MULTIPART), length=-1, part_size=5 * 1024 * 1024
        )
        assert [entry.size for entry in trainer.list_objects(bucket_name=bucket, prefix="large")] == [len(MULTIPART)]
        trainer.remove_object(bucket_name=bucket, object_name="large")
        assert not list(trainer.list_objects(bucket_name=bucket, prefix="large"))


def test_the_predictor_reads_models_and_writes_none(stack):
    """A predictor is what strangers talk to."""
    predictor = _client(stack, "predictor")
    assert _get(predictor, MODELS_BUCKET) == b"a"
    assert "a" in [entry.object_name for entry in predictor.list_objects(bucket_name=MODELS_BUCKET)]
    with pytest.raises(S3Error, match="AccessDenied"):
        _put(predictor, MODELS_BUCKET)
    with pytest.raises(S3Error, match="AccessDenied"):
        predictor.remove_object(bucket_name=MODELS_BUCKET, object_name="a")
    with pytest.raises(S3Error, match="AccessDenied"):
        _get(predictor, MLFLOW_BUCKET)


def test_mlflows_server_shows_artifacts_and_changes_none(stack):
    """MLflow's server has had many holes; its key opens one bucket for reading."""
    mlflow = _client(stack, "mlflow")
    assert _get(mlflow, MLFLOW_BUCKET) == b"a"
    with pytest.raises(S3Error, match="AccessDenied"):
        _put(mlflow, MLFLOW_BUCKET)
    with pytest.raises(S3Error, match="AccessDenied"):
        _get(mlflow, MODELS_BUCKET)


@pytest.mark.parametrize("user", OBJECT_STORE_USERS)
def test_no_program_makes_buckets_or_changes_rights(stack, user):
    """Whoever could would give itself the rest."""
    client = _client(stack, user)
    with pytest.raises(S3Error, match="AccessDenied"):
        client.make_bucket(bucket_name=f"own-{uuid4().hex}")
    with pytest.raises(S3Error, match="AccessDenied"):
        client.delete_bucket_policy(bucket_name=MODELS_BUCKET)


def test_nobody_reads_without_a_key(stack):
    """Every user of the machine reaches the port."""
    with pytest.raises(S3Error, match="AccessDenied"):
        _get(_client(stack, "trainer", access_key=None, secret_key=None), MODELS_BUCKET)


def test_making_the_buckets_again_keeps_what_is_in_them(stack):
    """Every `up` does it."""
    buckets.ensure(stack.addresses, stack.blueprint.s3_server)
    assert _get(_client(stack, "predictor"), MODELS_BUCKET) == b"a"
