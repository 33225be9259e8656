"""The settings table of a README is made from the settings' own class."""

from typing import Literal

import pytest
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict
from readmit_runtime.settings import HttpSettings, ServiceSettings, SettingsGroup
from readmit_runtime.settings_table import settings_table


class StoreSettings(SettingsGroup):
    """A group with each kind of value."""

    key: SecretStr = Field(description="The key.")
    folder: str | None = Field(default=None, description="Where; either this | or that.")
    wait_s: float = Field(default=1.5, gt=0, le=60, description="Seconds.")
    mode: Literal["fast", "safe"] = Field(default="safe", description="How.")
    tls: bool = Field(default=True, description="Whether.")


class TableSettings(ServiceSettings):
    """A service with a required group and one with defaults of its own."""

    model_config = SettingsConfigDict(env_prefix="READMIT_TABLE_")

    store: StoreSettings
    http: HttpSettings = HttpSettings(port=8081)


class SilentSettings(ServiceSettings):
    """A service that forgot to describe a setting."""

    size: int = 3


@pytest.fixture
def lines() -> list[str]:
    """Render the table once."""
    return settings_table(TableSettings).splitlines()


def test_every_variable_has_its_line_with_type_bounds_default_and_meaning(lines: list[str]) -> None:
    """The table is all that an operator reads before setting something."""
    assert lines[:2] == ["| Variable | Type | Default | Meaning |", "| --- | --- | --- | --- |"]
    assert "| `READMIT_TABLE_STORE__KEY` | secret | required | The key. |" in lines
    assert "| `READMIT_TABLE_STORE__FOLDER` | text | unset | Where; either this \\| or that. |" in lines
    assert "| `READMIT_TABLE_STORE__WAIT_S` | number, > 0, <= 60 | `1.5` | Seconds. |" in lines
    assert "| `READMIT_TABLE_STORE__MODE` | `fast` `safe` | `safe` | How. |" in lines
    assert "| `READMIT_TABLE_STORE__TLS` | boolean | `true` | Whether. |" in lines
    assert any(line.startswith("| `READMIT_TABLE_SHUTDOWN_S` |") for line in lines)


def test_a_groups_default_is_the_services_and_not_the_groups(lines: list[str]) -> None:
    """The port that is documented must be the one that is listened on."""
    assert any(line.startswith("| `READMIT_TABLE_HTTP__PORT` | integer, >= 0, <= 65535 | `8081` |") for line in lines)


def test_a_setting_without_a_description_is_refused() -> None:
    """Unit and effect belong to a setting; a name alone is a riddle."""
    with pytest.raises(ValueError, match="size has no description"):
        settings_table(SilentSettings)
