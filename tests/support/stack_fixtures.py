"""Fixtures of the tests that need real servers; a run that asks for none of them starts none.

One stack serves the whole run. What a test writes into is its module's own: a database, a bucket, and topics by names
that the test makes up.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest
from readmit_cli.stack import buckets, store
from readmit_cli.stack.connections import DatabaseConnection
from readmit_cli.stack.credentials import DATABASE_LOGINS, DATABASE_OWNER, OBJECT_STORE_ROOT
from readmit_cli.stack.environment import DATABASE
from readmit_cli.stack.programs import KAFKA, MLFLOW, POSTGRES, S3
from readmit_cli.stack.s3_server import S3Server, asked_for
from readmit_cli.stack.stack import Stack
from readmit_runtime.settings import ObjectStoreSettings, PostgresSettings
from support.stack import temporary_stack

TEMPLATE = "readmit_template"


@pytest.fixture(scope="session")
def stack_infrastructure() -> Iterator[Stack]:
    """Give a running Kafka with all topics and a running Postgres with the migrated schema; MinIO when asked for."""
    with temporary_stack() as stack:
        stack.up([KAFKA, POSTGRES])
        yield stack


@pytest.fixture(scope="session")
def kafka_bootstrap(stack_infrastructure: Stack) -> str:
    """Give the address of a real broker without authentication."""
    return stack_infrastructure.kafka_bootstrap


@pytest.fixture(scope="session")
def database_template(stack_infrastructure: Stack) -> str:
    """Give the name of a migrated database that nobody connects to, so that it can be copied at any time."""
    superuser = stack_infrastructure.addresses.superuser()
    store.ensure_database(superuser, database=TEMPLATE, owner=DATABASE_OWNER, logins=(), template=DATABASE)
    return TEMPLATE


@pytest.fixture(scope="module")
def module_database(
    stack_infrastructure: Stack, database_template: str, request: pytest.FixtureRequest
) -> Iterator[str]:
    """Give the name of a fresh migrated database, dropped after the module."""
    superuser = stack_infrastructure.addresses.superuser()
    name = _own_name(request, "_")
    store.drop_database(superuser, name)
    store.ensure_database(
        superuser, database=name, owner=DATABASE_OWNER, logins=DATABASE_LOGINS, template=database_template
    )
    yield name
    store.drop_database(superuser, name)


@pytest.fixture(scope="module")
def database_settings(stack_infrastructure: Stack, module_database: str) -> PostgresSettings:
    """Give the module's database as its owner, who may do everything in it."""
    return _postgres(stack_infrastructure.database(DATABASE_OWNER, module_database))


@pytest.fixture(scope="module")
def service_database(stack_infrastructure: Stack, module_database: str) -> Callable[[str], PostgresSettings]:
    """Give the module's database as one of the roles, e.g. `service_database("readmit_ingestor")`."""
    return lambda role: _postgres(stack_infrastructure.database(role, module_database))


@pytest.fixture(scope="session")
def run_object_store(stack_infrastructure: Stack) -> Stack:
    """Give the run's stack with a running object store: MinIO, or what READMIT_S3 names."""
    stack_infrastructure.up({*stack_infrastructure.wanted(), S3})
    return stack_infrastructure


@pytest.fixture(scope="session")
def object_store(run_object_store: Stack) -> Stack:
    """Give a stack with a running object store; a module that has to hold for all servers gives another here."""
    return run_object_store


@pytest.fixture(scope="session", params=tuple(S3Server))
def each_object_store(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Give a stack with each S3 server in turn: the run's own, and a small one for a server installed beside it."""
    server: S3Server = request.param
    if server is (asked_for() or S3Server.MINIO):
        yield request.getfixturevalue("run_object_store")
        return
    with temporary_stack(s3=server) as stack:
        if not stack.blueprint.checkout.s3(server).is_file():
            pytest.skip(f"{server} is not installed; `READMIT_S3={server} make install` builds it")
        stack.up([S3])
        yield stack


@pytest.fixture(scope="module")
def object_store_settings(object_store: Stack, request: pytest.FixtureRequest) -> ObjectStoreSettings:
    """Give an empty bucket of the module's own, with a key that may do everything in it."""
    bucket = _own_name(request, "-")
    buckets.make_bucket(object_store.addresses, bucket)
    return ObjectStoreSettings.model_validate(asdict(object_store.object_store(OBJECT_STORE_ROOT, bucket)))


@pytest.fixture(scope="session")
def mlflow_uri(object_store: Stack) -> str:
    """Give the tracking URI of a running MLflow; the trainer's environment has the keys of its artifacts."""
    object_store.up({*object_store.wanted(), MLFLOW})
    return object_store.mlflow_uri


def _postgres(connection: DatabaseConnection) -> PostgresSettings:
    return PostgresSettings.model_validate(asdict(connection))


def _own_name(request: pytest.FixtureRequest, dash: str) -> str:
    # Bucket names end at 63 characters, database names too.
    path = request.node.nodeid.removeprefix("tests/").removesuffix(".py")
    return re.sub(r"[^a-z0-9]+", dash, path.lower())[-60:].strip(dash)
