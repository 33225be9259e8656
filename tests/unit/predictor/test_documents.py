import subprocess
import sys
from pathlib import Path

import predictor
import pytest
from predictor.metrics import TABLE
from predictor.settings import PredictorSettings
from readmit_runtime.metrics import metrics_table
from readmit_runtime.settings import SettingsInvalid, load
from readmit_runtime.settings_table import settings_table

README = (Path(predictor.__file__).parents[2] / "README.md").read_text()

ENVIRONMENT = {
    "READMIT_PREDICTOR_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "READMIT_PREDICTOR_OBJECT_STORE__ENDPOINT": "127.0.0.1:9000",
    "READMIT_PREDICTOR_OBJECT_STORE__ACCESS_KEY": "predictor",
    "READMIT_PREDICTOR_OBJECT_STORE__SECRET_KEY": "not a secret",
    "READMIT_PREDICTOR_OBJECT_STORE__BUCKET": "readmit",
    "READMIT_PREDICTOR_HTTP__PORT": "8080",
    "READMIT_PREDICTOR_PREDICTION_LOG__SPOOL": "/var/spool/readmit",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least that a predictor has to be told."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def test_the_readme_has_the_settings_as_they_are() -> None:
    """A table kept by hand is wrong by the second change."""
    assert settings_table(PredictorSettings) in README


def test_the_readme_has_the_metrics_as_they_are() -> None:
    """Who is woken at night reads the meaning there."""
    assert metrics_table(TABLE) in README


def test_the_defaults_make_valid_settings() -> None:
    """Addresses, keys and a place for the spool are all that has to be given."""
    settings = load(PredictorSettings)
    assert settings.model == "readmission"
    assert settings.limits.body_bytes == 65_536
    assert settings.replica is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REPLICA", "-starts-with-a-dash"),
        ("REPLICA", "a b"),
        ("REPLICA", "name\n"),
        ("MODEL", "Upper"),
        ("MODEL", "name\n"),
        ("REPORT_INTERVAL_S", "15"),
        ("LIMITS__BODY_BYTES", "0"),
        ("PREDICTION_LOG__SPOOL_BYTES", "1000"),
        ("PREDICTION_LOG__WHEN_FULL", "wait"),
        ("LOG_INPUTS", "some"),
        ("LIMITS__BODY_BITES", "1"),
    ],
)
def test_a_setting_out_of_bounds_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A process that starts with nonsense fails later, at a worse time."""
    variable = f"READMIT_PREDICTOR_{name}"
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsInvalid, match=variable):
        load(PredictorSettings)


def test_the_process_carries_no_other_service_and_nothing_heavy() -> None:
    """What is not there needs no memory, no patch and no rights; LightGBM's package alone brings 80 MB along."""
    unwanted = {
        "asyncpg", "mlflow", "readmit_runtime.database", "psycopg", "trainer", "ingestor", "readmit_cli",
        "lightgbm", "pandas", "scipy", "sklearn", "pyarrow",
    }  # fmt: skip
    program = f"import sys, predictor.__main__; print(*({unwanted!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], check=True, timeout=60, capture_output=True, text=True)
    assert found.stdout.split() == []
