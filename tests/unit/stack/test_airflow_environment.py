"""Tests of what Airflow's programs are told."""

import base64
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from readmit_cli.stack.blueprint import Blueprint
from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.credentials import AIRFLOW_LOGIN, FERNET_KEY, JWT_SECRET, SESSION_KEY
from readmit_cli.stack.parts import default_parts, with_requirements
from readmit_cli.stack.ports import Ports
from readmit_cli.stack.programs import AIRFLOW, AIRFLOW_COMPONENTS, AIRFLOW_EXPORTER, KAFKA, POSTGRES
from readmit_cli.stack.state_directory import StateDirectory

# What Airflow's environment may hold of the stack's secrets.
ITS_OWN = {f"postgres/{AIRFLOW_LOGIN}", "postgres/readmit_reader"} | {
    f"airflow/{name}" for name in (FERNET_KEY, JWT_SECRET, SESSION_KEY)
}


@pytest.fixture
def blueprint(tmp_path) -> Blueprint:
    """Give a stack that does not run."""
    return Blueprint(Checkout.find(), StateDirectory(tmp_path / "state"), Ports.model_construct())


@pytest.fixture
def environment(blueprint) -> dict[str, str]:
    """Give what each of Airflow's programs finds."""
    return blueprint.program_environment("airflow-scheduler")


def test_airflow_learns_no_secret_that_is_not_its_own(blueprint, environment):
    """A task runs whatever a DAG says: what it does not know, it cannot misuse."""
    secrets = json.loads(blueprint.state.credentials.read_text())
    known = {name for name, secret in secrets.items() if any(secret in value for value in environment.values())}
    assert known == ITS_OWN


def test_airflow_is_given_a_driver_that_is_installed(environment):
    """A bare postgresql:// means another driver to its SQLAlchemy."""
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("postgresql+psycopg2://airflow:")


def test_the_keys_are_what_their_users_want(environment):
    """Airflow refuses another Fernet key, and warns of a shorter JWT secret with every request."""
    assert len(base64.urlsafe_b64decode(environment["AIRFLOW__CORE__FERNET_KEY"])) == 32
    assert len(environment["AIRFLOW__API_AUTH__JWT_SECRET"]) >= 64


@pytest.mark.parametrize("name", ["READMIT_KAFKA", "READMIT_KAFKA_EVENTS"])
def test_a_kafka_connection_names_this_stacks_broker(blueprint, environment, name):
    """The address stands in the extra of the connection, where the client library looks for it."""
    uri = urlsplit(environment[f"AIRFLOW_CONN_{name}"])
    assert uri.scheme == "kafka"
    assert parse_qs(uri.query)["bootstrap.servers"] == [blueprint.addresses.kafka]


def test_airflow_is_started_only_when_it_is_asked_for():
    """Half a minute and 700 MB are too much for a test that has no use for it."""
    assert not set(AIRFLOW) & set(default_parts())
    assert set(AIRFLOW) < set(default_parts(with_airflow=True))


@pytest.mark.parametrize("name", AIRFLOW_COMPONENTS)
def test_one_part_of_airflow_brings_all_of_it(name):
    """None of its programs is of use without the others, its database, and the broker that its triggers read."""
    assert set(with_requirements([name])) == {*AIRFLOW, AIRFLOW_EXPORTER, POSTGRES, KAFKA}
