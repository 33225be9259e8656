"""The README and the settings agree with the code."""

from pathlib import Path

import batch_producer
import pytest
from batch_producer.metrics import TABLE
from batch_producer.settings import BatchProducerSettings
from readmit_contracts.topics import BATCHES, INGESTION_COMMANDS, INGESTION_EVENTS
from readmit_runtime.metrics import metrics_table
from readmit_runtime.settings import SettingsInvalid, load
from readmit_runtime.settings_table import settings_table

README = (Path(batch_producer.__file__).parents[2] / "README.md").read_text()
ENVIRONMENT = {
    "KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "POSTGRES__HOST": "127.0.0.1",
    "POSTGRES__DATABASE": "readmit",
    "POSTGRES__USER": "readmit_batch_producer",
    "POSTGRES__PASSWORD": "not a secret",
    "HTTP__PORT": "8001",
    "DATASET": "/data/diabetic_data.csv",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the least that a batch producer has to be told."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(f"READMIT_BATCH_PRODUCER_{name}", value)


def test_the_readme_has_the_settings_as_they_are() -> None:
    """A table kept by hand is wrong by the second change."""
    assert settings_table(BatchProducerSettings) in README


def test_the_readme_has_the_metrics_as_they_are() -> None:
    """Who is woken at night reads the meaning there."""
    assert metrics_table(TABLE) in README


def test_the_readme_names_the_topics_and_every_command() -> None:
    """What goes in and out is the first question to a service."""
    assert INGESTION_COMMANDS.name in README
    assert INGESTION_EVENTS.name in README
    assert BATCHES["train"].name in README
    assert all(command.__name__ in README for command in INGESTION_COMMANDS.messages)


def test_the_defaults_make_valid_settings() -> None:
    """Addresses, the password and the file are all that has to be given."""
    settings = load(BatchProducerSettings)

    assert settings.dataset == Path("/data/diabetic_data.csv")
    assert settings.streaming.check_s < settings.streaming.lease_s


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STREAMING__LEASE_S", "0.5"),
        ("STREAMING__CHUNKS_IN_FLIGHT", "0"),
        ("STREAMING__CHECK_S", "0"),
        ("STREAMING__LEASES", "1"),
        ("DEAD_LETTERS_IN_A_ROW", "0"),
        ("HTTP__PORT", "x"),
    ],
)
def test_a_setting_out_of_bounds_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A process that starts with nonsense fails later, at a worse time."""
    variable = f"READMIT_BATCH_PRODUCER_{name}"
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsInvalid, match=variable):
        load(BatchProducerSettings)


def test_a_lease_shorter_than_its_renewal_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be lost before it is ever renewed."""
    monkeypatch.setenv("READMIT_BATCH_PRODUCER_STREAMING__LEASE_S", "2")
    monkeypatch.setenv("READMIT_BATCH_PRODUCER_STREAMING__CHECK_S", "1")

    with pytest.raises(SettingsInvalid, match="check_s"):
        load(BatchProducerSettings)
