"""The README and the settings agree with the code."""

from pathlib import Path

import pytest
import trainer
from readmit_contracts.topics import (
    INGESTION_EVENTS,
    MODELS_COMMANDS,
    MODELS_LOADED,
    MODELS_PROMOTED,
    TRAINING_COMMANDS,
    TRAINING_EVENTS,
)
from readmit_runtime.metrics import metrics_table
from readmit_runtime.settings import SettingsInvalid, load
from readmit_runtime.settings_table import settings_table
from trainer.metrics import TABLE
from trainer.projection.mlflow_server import MlflowServer
from trainer.settings import TrainerSettings

README = (Path(trainer.__path__[0]).parents[1] / "README.md").read_text()
ENVIRONMENT = {
    "KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "POSTGRES__HOST": "127.0.0.1",
    "POSTGRES__DATABASE": "readmit",
    "POSTGRES__USER": "readmit_trainer",
    "POSTGRES__PASSWORD": "not a secret",
    "OBJECT_STORE__ENDPOINT": "127.0.0.1:9000",
    "OBJECT_STORE__ACCESS_KEY": "trainer",
    "OBJECT_STORE__SECRET_KEY": "not a secret either",
    "OBJECT_STORE__BUCKET": "readmit-models",
    "OBJECT_STORE__SECURE": "false",
    "MLFLOW__URI": "http://127.0.0.1:5000",
    "HTTP__PORT": "8003",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the least that a trainer has to be told."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(f"READMIT_TRAINER_{name}", value)


def test_the_readme_has_the_settings_and_metrics_as_they_are() -> None:
    """A table kept by hand is wrong by the second change."""
    assert settings_table(TrainerSettings) in README
    assert metrics_table(TABLE) in README


def test_the_readme_names_every_topic_and_message() -> None:
    """What goes in and out is the first question to a service."""
    topics = (INGESTION_EVENTS, TRAINING_COMMANDS, TRAINING_EVENTS, MODELS_COMMANDS, MODELS_PROMOTED, MODELS_LOADED)
    assert all(topic.name in README for topic in topics)
    messages = {message.__name__ for topic in topics[1:] for message in topic.messages}
    assert all(name in README for name in messages)


def test_mlflows_client_gets_its_keys_from_the_settings() -> None:
    """It writes artifacts to S3 by itself and reads nothing of ours."""
    settings = load(TrainerSettings)
    environment = MlflowServer(settings.mlflow, settings.object_store).environment()
    assert environment["MLFLOW_S3_ENDPOINT_URL"] == "http://127.0.0.1:9000"
    assert environment["AWS_SECRET_ACCESS_KEY"] == "not a secret either"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JOBS__LEASE_S", "1"),
        ("JOBS__ATTEMPTS_MAX", "0"),
        ("FIT__MEMORY_MIB", "16"),
        ("MLFLOW__URI", "file:///tmp/mlruns"),
        ("PROMOTION__POLL", "1"),
    ],
)
def test_a_setting_out_of_bounds_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A process that starts with nonsense fails later, at a worse time."""
    monkeypatch.setenv(f"READMIT_TRAINER_{name}", value)
    with pytest.raises(SettingsInvalid, match=f"READMIT_TRAINER_{name.partition('__')[0]}"):
        load(TrainerSettings)
