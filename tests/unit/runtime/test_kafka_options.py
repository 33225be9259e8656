"""Connection settings: what the library is told, and what it is not."""

import ssl
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from readmit_runtime.consumer_settings import ConsumerSettings
from readmit_runtime.kafka_options import client_options
from readmit_runtime.settings import KafkaSettings


def test_a_plain_connection_needs_an_address_only() -> None:
    """The local stack runs on loopback without authentication."""
    assert client_options(KafkaSettings(bootstrap_servers="a:1,b:2")) == {
        "bootstrap_servers": "a:1,b:2",
        "security_protocol": "PLAINTEXT",
    }


def test_scram_over_tls_gives_the_principal_and_checks_the_broker() -> None:
    """A client that does not check the broker's certificate gives its password to anyone."""
    options = client_options(
        KafkaSettings(
            bootstrap_servers="a:1",
            security_protocol="SASL_SSL",
            sasl_mechanism="SCRAM-SHA-512",
            sasl_username="ingestor",
            sasl_password=SecretStr("secret"),
        )
    )
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("ingestor", "secret")
    assert options["ssl_context"].verify_mode is ssl.CERT_REQUIRED
    assert options["ssl_context"].check_hostname


def test_a_ca_file_that_is_missing_shows_at_start(tmp_path: Path) -> None:
    """A mistyped path must not turn into an outage of the broker."""
    settings = KafkaSettings(bootstrap_servers="a:1", security_protocol="SSL", ca_file=tmp_path / "none.pem")
    with pytest.raises(FileNotFoundError):
        client_options(settings)


def test_a_rebalance_cannot_be_told_to_wait_past_its_own_timeout() -> None:
    """The broker evicts the member then, so the wait would only delay the others."""
    with pytest.raises(ValidationError, match="revoke_budget_s"):
        ConsumerSettings(revoke_budget_s=60, rebalance_timeout_s=60)


def test_a_session_must_outlast_three_heartbeats() -> None:
    """One lost packet is no death."""
    with pytest.raises(ValidationError, match="heartbeats"):
        ConsumerSettings(session_timeout_s=6, heartbeat_s=3)
