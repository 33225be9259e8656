"""Settings come from the environment, whole and bounded, or not at all."""

import pytest
from pydantic import Field
from pydantic_settings import SettingsConfigDict
from readmit_runtime.settings import (
    HttpSettings,
    KafkaSettings,
    PostgresSettings,
    ServiceSettings,
    SettingsInvalid,
    load,
)

SECRET = "canary-7f3a"


class ExampleSettings(ServiceSettings):
    """What a service with a database, a broker and a port declares."""

    model_config = SettingsConfigDict(env_prefix="READMIT_EXAMPLE_")

    kafka: KafkaSettings
    postgres: PostgresSettings
    http: HttpSettings = HttpSettings(port=8080)
    rows_max: int = Field(default=500, ge=1, le=1000, description="Rows per write.")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set the least that the example service needs."""
    for name, value in {
        "KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "POSTGRES__HOST": "127.0.0.1",
        "POSTGRES__DATABASE": "readmit",
        "POSTGRES__USER": "example",
        "POSTGRES__PASSWORD": SECRET,
    }.items():
        monkeypatch.setenv(f"READMIT_EXAMPLE_{name}", value)
    return monkeypatch


def test_nested_groups_are_read_from_the_services_own_variables(environment: pytest.MonkeyPatch) -> None:
    """Two services on one machine must not read each other's variables."""
    environment.setenv("READMIT_OTHER_ROWS_MAX", "7")
    settings = load(ExampleSettings)

    assert settings.kafka.bootstrap_servers == "127.0.0.1:1"
    assert settings.postgres.password.get_secret_value() == SECRET
    assert settings.rows_max == 500


def test_one_variable_changes_one_member_of_a_group_with_defaults(environment: pytest.MonkeyPatch) -> None:
    """A container sets the host alone; the service's own port must stay."""
    environment.setenv("READMIT_EXAMPLE_HTTP__HOST", "0.0.0.0")  # noqa: S104 - a value to read, nothing listens

    assert load(ExampleSettings).http == HttpSettings(host="0.0.0.0", port=8080)  # noqa: S104 - as above


def test_every_fault_is_named_by_its_variable_and_no_value_is_told(environment: pytest.MonkeyPatch) -> None:
    """Whoever starts a service should mend all faults at once, and no secret belongs in a log."""
    environment.delenv("READMIT_EXAMPLE_KAFKA__BOOTSTRAP_SERVERS")
    environment.setenv("READMIT_EXAMPLE_ROWS_MAX", "90210")
    environment.setenv("READMIT_EXAMPLE_POSTGRES__PORT", SECRET)

    with pytest.raises(SettingsInvalid) as caught:
        load(ExampleSettings)

    text = str(caught.value)
    assert "READMIT_EXAMPLE_KAFKA__BOOTSTRAP_SERVERS: Field required" in text
    assert "READMIT_EXAMPLE_ROWS_MAX" in text
    assert "READMIT_EXAMPLE_POSTGRES__PORT" in text
    assert "90210" not in text
    assert SECRET not in text


def test_a_misspelt_member_of_a_group_is_refused(environment: pytest.MonkeyPatch) -> None:
    """A misspelt optional variable would otherwise change nothing, in silence."""
    environment.setenv("READMIT_EXAMPLE_KAFKA__SECURITY_PROTOKOL", "SASL_SSL")

    with pytest.raises(SettingsInvalid, match="KAFKA__SECURITY_PROTOKOL"):
        load(ExampleSettings)


def test_variables_that_kubernetes_adds_for_a_namesake_service_do_no_harm(environment: pytest.MonkeyPatch) -> None:
    """A Kubernetes Service called readmit-example puts such variables into every pod of its namespace."""
    environment.setenv("READMIT_EXAMPLE_SERVICE_HOST", "10.0.0.1")
    environment.setenv("READMIT_EXAMPLE_PORT_8080_TCP_ADDR", "10.0.0.1")

    assert load(ExampleSettings).rows_max == 500


@pytest.mark.parametrize("missing", ["SASL_MECHANISM", "SASL_USERNAME", "SASL_PASSWORD"])
def test_sasl_without_a_part_of_its_credentials_is_refused(environment: pytest.MonkeyPatch, missing: str) -> None:
    """A client with half its credentials fails much later, with a text that names nothing."""
    values = {"SASL_MECHANISM": "SCRAM-SHA-512", "SASL_USERNAME": "example", "SASL_PASSWORD": SECRET}
    environment.setenv("READMIT_EXAMPLE_KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    for name in values.keys() - {missing}:
        environment.setenv(f"READMIT_EXAMPLE_KAFKA__{name}", values[name])

    with pytest.raises(SettingsInvalid, match=r"KAFKA: .*sasl_mechanism, sasl_username and sasl_password"):
        load(ExampleSettings)


def test_secrets_do_not_show_when_settings_are_printed(environment: pytest.MonkeyPatch) -> None:
    """Settings end up in logs and tracebacks."""
    assert SECRET not in repr(load(ExampleSettings))


def test_settings_do_not_change_after_they_are_read(environment: pytest.MonkeyPatch) -> None:
    """What was logged and checked at the start must be what is used."""
    settings = load(ExampleSettings)

    with pytest.raises(ValueError, match="frozen"):
        setattr(settings, "rows_max", 3)  # noqa: B010 - mypy refuses the plain assignment too
