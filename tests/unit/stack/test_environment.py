"""Tests of what each program of the stack is told."""

import pytest
from pydantic_settings import SettingsConfigDict
from readmit_cli.lag_exporter.settings import LagExporterSettings
from readmit_cli.stack.credentials import MONITOR_LOGIN, Credentials
from readmit_cli.stack.environment import DATABASE, MODELS_BUCKET, Addresses
from readmit_cli.stack.ports import Ports
from readmit_cli.stack.programs import LAG_EXPORTER, POSTGRES_EXPORTER, SERVICES
from readmit_cli.stack.state_directory import StateDirectory
from readmit_runtime.settings import (
    HttpSettings,
    KafkaSettings,
    ObjectStoreSettings,
    PostgresSettings,
    ServiceSettings,
    load,
)


class TrainerLike(ServiceSettings):
    """Has every group that the stack fills."""

    model_config = SettingsConfigDict(env_prefix="READMIT_TRAINER_")

    kafka: KafkaSettings
    postgres: PostgresSettings
    object_store: ObjectStoreSettings
    http: HttpSettings


@pytest.fixture
def addresses(tmp_path) -> Addresses:
    """Give the addresses of a stack that does not run."""
    credentials = Credentials.load_or_create(tmp_path / "credentials.json")
    return Addresses(Ports.model_construct(), credentials, dataset=tmp_path, state=StateDirectory(tmp_path))


def test_the_runtimes_settings_read_what_the_stack_writes(addresses, monkeypatch):
    """The two sides agree on names by nothing but this."""
    for name, value in addresses.service_environment("trainer").items():
        monkeypatch.setenv(name, value)
    settings = load(TrainerLike)
    assert settings.kafka.bootstrap_servers == addresses.kafka
    assert (settings.postgres.database, settings.postgres.user) == (DATABASE, "readmit_trainer")
    assert settings.postgres.password.get_secret_value() == addresses.database("readmit_trainer").password
    assert (settings.object_store.bucket, settings.object_store.secure) == (MODELS_BUCKET, False)
    assert settings.http.port == addresses.service_port("trainer")


def test_the_lag_exporter_is_told_of_kafka_and_its_port_and_of_nothing_else(addresses, monkeypatch):
    """It reads every topic; it has no use for another login."""
    told = addresses.program_environment(LAG_EXPORTER)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    settings = load(LagExporterSettings)
    assert settings.kafka.bootstrap_servers == addresses.kafka
    assert addresses.lag_exporter == f"http://{settings.http.host}:{settings.http.port}"
    assert not [name for name in told if "PASSWORD" in name or "SECRET" in name]


def test_what_tells_of_postgres_is_told_its_own_login_and_nothing_else(addresses):
    """It may look at everything that Postgres counts, and at no row."""
    told = addresses.program_environment(POSTGRES_EXPORTER)
    own = addresses.database(MONITOR_LOGIN)
    assert (told.pop("DATA_SOURCE_USER"), told.pop("DATA_SOURCE_PASS")) == (MONITOR_LOGIN, own.password)
    assert told == {"DATA_SOURCE_URI": f"{own.host}:{own.port}/postgres?sslmode=disable"}


@pytest.mark.parametrize(
    ("service", "unknown"),
    [("predictor", "POSTGRES"), ("ingestor", "OBJECT_STORE"), ("batch-producer", "OBJECT_STORE"), ("ingestor", "AWS")],
)
def test_a_service_gets_no_login_that_it_has_no_use_for(addresses, service, unknown):
    """What a service does not know, nobody can steal from it."""
    assert not [name for name in addresses.service_environment(service) if unknown in name]


def test_the_predictor_alone_is_given_the_stacks_spool(addresses, tmp_path):
    """What was answered has to outlive the process, and to go with the stack's own data."""
    spools = {name: value for service in SERVICES for name, value in addresses.service_environment(service).items()}
    assert [(name, value) for name, value in spools.items() if "SPOOL" in name] == [
        ("READMIT_PREDICTOR_PREDICTION_LOG__SPOOL", str(tmp_path / "spool"))
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_variables_carry_its_own_prefix(addresses, service):
    """One service must not pick up what was meant for another."""
    others = {f"READMIT_{module.upper()}_" for name, module in SERVICES.items() if name != service}
    assert not [name for name in addresses.service_environment(service) if name.startswith(tuple(others))]


def test_addresses_show_no_password_in_a_representation(addresses):
    """A traceback prints representations."""
    connection = addresses.database("readmit_trainer")
    assert connection.password not in repr(connection)
    assert connection.password in connection.url()


def test_mlflow_is_given_a_driver_that_is_installed(addresses):
    """A bare postgresql:// means another driver to its SQLAlchemy."""
    assert addresses.program_environment("mlflow")["MLFLOW_BACKEND_STORE_URI"].startswith("postgresql+psycopg2://")
