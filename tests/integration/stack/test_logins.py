"""Tests of who may do what in the local stack."""

import io
from dataclasses import asdict

import psycopg
import pytest
from minio import Minio, S3Error
from readmit_cli.stack import buckets
from readmit_cli.stack.credentials import DATABASE_LOGINS, MLFLOW_LOGIN
from readmit_cli.stack.environment import MLFLOW_BUCKET, MLFLOW_DATABASE, MODELS_BUCKET


def _client(stack, user):
    connection = stack.object_store(user)
    return Minio(
        endpoint=connection.endpoint,
        access_key=connection.access_key,
        secret_key=connection.secret_key,
        region=connection.region,
        secure=connection.secure,
    )


def _put(client, bucket):
    client.put_object(bucket_name=bucket, object_name="a", data=io.BytesIO(b"a"), length=1)


@pytest.fixture(scope="module")
def stack(object_store):
    """Give the run's stack, with an object in each bucket."""
    for bucket in (MODELS_BUCKET, MLFLOW_BUCKET):
        _put(_client(object_store, "trainer"), bucket)
    return object_store


def test_the_predictor_reads_models_and_writes_none(stack):
    """A predictor is what strangers talk to."""
    predictor = _client(stack, "predictor")
    with predictor.get_object(bucket_name=MODELS_BUCKET, object_name="a") as answer:
        assert answer.read() == b"a"
    with pytest.raises(S3Error, match="AccessDenied"):
        _put(predictor, MODELS_BUCKET)
    with pytest.raises(S3Error, match="AccessDenied"):
        predictor.remove_object(bucket_name=MODELS_BUCKET, object_name="a")


def test_mlflows_server_shows_artifacts_and_changes_none(stack):
    """MLflow's server has had many holes; its key opens one bucket for reading."""
    mlflow = _client(stack, "mlflow")
    with mlflow.get_object(bucket_name=MLFLOW_BUCKET, object_name="a") as answer:
        assert answer.read() == b"a"
    with pytest.raises(S3Error, match="AccessDenied"):
        _put(mlflow, MLFLOW_BUCKET)
    with pytest.raises(S3Error, match="AccessDenied"):
        mlflow.get_object(bucket_name=MODELS_BUCKET, object_name="a")


def test_making_the_buckets_again_keeps_what_is_in_them(stack):
    """Every `up` does it."""
    buckets.ensure(stack.addresses)
    with _client(stack, "predictor").get_object(bucket_name=MODELS_BUCKET, object_name="a") as answer:
        assert answer.read() == b"a"


@pytest.mark.parametrize("login", DATABASE_LOGINS)
def test_every_login_enters_the_database(stack, login):
    """A service that cannot log in would be restarted for ever."""
    with psycopg.connect(stack.database(login).url()) as session:
        assert session.execute("SELECT current_user").fetchone() == (login,)


@pytest.mark.parametrize(("login", "database"), [(MLFLOW_LOGIN, "readmit"), ("readmit_trainer", MLFLOW_DATABASE)])
def test_the_databases_are_closed_to_each_others_logins(stack, login, database):
    """A hole in MLflow must not open the store."""
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(stack.database(login, database).url())


def test_a_wrong_password_is_refused(stack):
    """Trust on loopback would let every user of the machine in."""
    connection = asdict(stack.database("readmit_trainer")) | {"password": "wrong"}
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host=connection["host"], port=connection["port"], user=connection["user"], password="wrong")


def test_the_connection_file_is_for_its_owner_alone(stack):
    """It has every secret a person needs."""
    assert stack.connection_file().stat().st_mode & 0o077 == 0
