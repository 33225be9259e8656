"""A service starts with whole settings, or says in one line what is wrong with them."""

import asyncio
import json
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict
from readmit_runtime.schema_revision import REVISION
from readmit_runtime.service import EXIT_SETTINGS, start
from readmit_runtime.settings import PostgresSettings, SettingsInvalid, TracedSettings, load
from support.generated_text import ROOT

PREFIX = "READMIT_EXAMPLE_"
FILE = f"{PREFIX}POSTGRES__PASSWORD"


class ExampleSettings(TracedSettings):
    """What a service with a database declares."""

    model_config = SettingsConfigDict(**{**TracedSettings.model_config, "env_prefix": PREFIX})

    postgres: PostgresSettings


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give an empty folder of secrets; all but the password is set."""
    for name, value in {"HOST": "h", "DATABASE": "d", "USER": "u"}.items():
        monkeypatch.setenv(f"{PREFIX}POSTGRES__{name}", value)
    monkeypatch.setenv("READMIT_SECRETS", str(tmp_path))
    return tmp_path


async def _serve(settings: ExampleSettings, _stop: asyncio.Event) -> None:
    assert settings.postgres.password == SecretStr("word")


def test_a_secret_is_read_from_the_file_called_like_its_variable(secrets: Path) -> None:
    """Environments are inherited, listed and dumped; a mounted file is read by who needs it."""
    (secrets / FILE).write_text("word\n")
    assert start("example", ExampleSettings, _serve) == 0


def test_the_environment_goes_before_the_file(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sets a variable by hand means it."""
    (secrets / FILE).write_text("another")
    monkeypatch.setenv(FILE, "word")
    assert load(ExampleSettings).postgres.password == SecretStr("word")


@pytest.mark.usefixtures("secrets")
def test_what_is_missing_is_named_in_one_line_and_the_process_ends(capsys: pytest.CaptureFixture[str]) -> None:
    """It is the first thing that goes wrong in a cluster, and the reader of the log did not write the program."""
    assert start("example", ExampleSettings, _serve) == EXIT_SETTINGS
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["detail"] == f"{FILE}: Field required"


def test_an_empty_secret_is_a_missing_one(secrets: Path) -> None:
    """That is what a template without its value leaves behind."""
    (secrets / FILE).write_text("\n")
    with pytest.raises(SettingsInvalid, match=FILE):
        load(ExampleSettings)


@pytest.mark.usefixtures("secrets")
def test_a_folder_of_secrets_that_is_not_mounted_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every secret would be named as missing, and the reason by none."""
    monkeypatch.setenv("READMIT_SECRETS", "/no/such/folder")
    with pytest.raises(SettingsInvalid, match=r"READMIT_SECRETS: .*/no/such/folder"):
        load(ExampleSettings)


def test_the_services_need_the_newest_revision_there_is() -> None:
    """Whoever adds a migration adds it because the release needs it."""
    written = sorted(path.name[:4] for path in (ROOT / "migrations" / "versions").glob("*.sql"))
    assert written[-1] == REVISION
