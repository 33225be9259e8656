"""Read a service's settings from its environment: typed, bounded, described with unit and effect.

A service derives one class from `ServiceSettings`, names its prefix (`READMIT_INGESTOR_`) and adds what it needs;
nested groups are written with two underscores: `READMIT_INGESTOR_KAFKA__BOOTSTRAP_SERVERS`. What the environment lacks
is read from the folder that `READMIT_SECRETS` names, from a file called like the variable.
"""

import os
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

NESTED_DELIMITER = "__"
SECRETS_FOLDER = "READMIT_SECRETS"

Port = Annotated[int, Field(ge=1, le=65_535)]


class SettingsInvalid(Exception):
    """The environment does not make valid settings; the text names every variable at fault, never a value."""


class SettingsGroup(BaseModel):
    """The base of every nested group; an unknown member is an error, so that a misspelt variable is found."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class KafkaSettings(SettingsGroup):
    """How to reach the brokers."""

    bootstrap_servers: str = Field(min_length=1, description="`host:port`, several separated by commas.")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="SASL_SSL wherever the network is shared; PLAINTEXT for loopback only."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, description="Needed with SASL_PLAINTEXT and SASL_SSL."
    )
    sasl_username: str | None = Field(default=None, description="The service's own principal.")
    sasl_password: SecretStr | None = Field(default=None, description="The principal's password.")
    ca_file: Path | None = Field(default=None, description="PEM file that signs the brokers; unset takes the system's.")

    @model_validator(mode="after")
    def _sasl_is_whole(self) -> "KafkaSettings":
        whole = self.sasl_mechanism is not None and self.sasl_username is not None and self.sasl_password is not None
        if self.security_protocol.startswith("SASL_") and not whole:
            raise ValueError("a SASL security_protocol needs sasl_mechanism, sasl_username and sasl_password")
        return self


class PostgresSettings(SettingsGroup):
    """How to reach the database, and how long to wait for it."""

    host: str = Field(min_length=1, description="Name, address, or folder of the server's socket.")
    port: Port = Field(default=5432, description="TCP port.")
    database: str = Field(min_length=1, description="Name of the database.")
    user: str = Field(min_length=1, description="The service's own role.")
    password: SecretStr = Field(min_length=1, description="The role's password.")
    ssl_mode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = Field(
        default="prefer", description="verify-full wherever the network is shared; the other modes trust the network."
    )
    ca_file: Path | None = Field(
        default=None, description="PEM file that signs the server, for the verify modes; unset takes the system's."
    )
    pool_min: int = Field(
        default=0,
        ge=0,
        le=100,
        description="Connections kept open; 0 lets the process start while the database is away.",
    )
    pool_max: int = Field(default=4, ge=1, le=100, description="Most connections of one process.")
    connect_timeout_s: float = Field(default=5.0, gt=0, le=60, description="Seconds for one connection to open.")
    statement_timeout_s: float = Field(
        default=60.0, gt=0, le=3600, description="Seconds after which the server ends one statement."
    )
    lock_timeout_s: float = Field(default=20.0, gt=0, le=600, description="Seconds a statement waits for one lock.")
    idle_in_transaction_timeout_s: float = Field(
        default=60.0, gt=0, le=3600, description="Seconds after which the server ends a transaction that does nothing."
    )

    @model_validator(mode="after")
    def _pool_has_room(self) -> "PostgresSettings":
        if self.pool_min > self.pool_max:
            raise ValueError("pool_min may not be above pool_max")
        return self


class ObjectStoreSettings(SettingsGroup):
    """How to reach the S3 bucket."""

    endpoint: str = Field(pattern=r"^[^/\s]+$", description="`host:port`, without scheme.")
    region: str = Field(default="us-east-1", min_length=1, description="Region that signs the requests.")
    access_key: str = Field(min_length=1, description="The service's own key id.")
    secret_key: SecretStr = Field(min_length=1, description="The secret of the key.")
    bucket: str = Field(min_length=3, max_length=63, description="The bucket; it must exist.")
    secure: bool = Field(default=True, description="TLS; false for loopback only.")
    ca_file: Path | None = Field(
        default=None, description="PEM file that signs the store; unset takes the usual roots."
    )
    connect_timeout_s: float = Field(default=3.0, gt=0, le=60, description="Seconds for one connection to open.")
    read_timeout_s: float = Field(
        default=20.0, gt=0, le=600, description="Seconds without a byte before a request fails."
    )


class HttpSettings(SettingsGroup):
    """Where the service answers HTTP."""

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 inside a container.")
    port: int = Field(ge=0, le=65_535, description="TCP port; 0 takes a free one.")
    keep_alive_s: int = Field(
        75,
        ge=1,
        le=3600,
        description="Seconds that an idle connection is kept; a gateway before it has to close its own sooner, or it "
        "sends a request into one that is being closed.",
    )


class TracingSettings(SettingsGroup):
    """Whether the service exports its spans."""

    endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://\S+$",
        description="Base address of an OTLP collector over HTTP, such as `http://127.0.0.1:4318`; unset exports "
        "nothing, and the trace context is handed on all the same.",
    )
    share: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Share of the traces beginning in this process that is exported; of the others, whoever began "
        "them decided.",
    )


class FiledSettings(BaseSettings):
    """Settings from the environment, then from the folder of secrets."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment, then the folder of secrets; a folder that is named and not there is an error."""
        folder = os.environ.get(SECRETS_FOLDER)
        secrets = NestedSecretsSettingsSource(file_secret_settings, secrets_dir=folder, secrets_dir_missing="error")
        return init_settings, env_settings, secrets


class ServiceSettings(FiledSettings):
    """What every service has; a service's own class sets `env_prefix` and adds its groups and bounds."""

    model_config = SettingsConfigDict(
        env_nested_delimiter=NESTED_DELIMITER,
        nested_model_default_partial_update=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severity logged."
    )
    shutdown_s: float = Field(
        default=20.0,
        gt=0,
        le=300,
        description="Seconds from SIGTERM to the end, all steps together; keep it below the supervisor's patience.",
    )


class TracedSettings(ServiceSettings):
    """What every service has whose work goes on from a message."""

    tracing: TracingSettings = TracingSettings()


_Settings = TypeVar("_Settings", bound=ServiceSettings)


def load(settings_type: type[_Settings]) -> _Settings:
    """Read one service's settings from the environment.

    Raises SettingsInvalid, which names each variable and what is wrong with it.
    """
    try:
        return settings_type()
    except SettingsError as error:
        raise SettingsInvalid(f"{SECRETS_FOLDER}: {error}") from None
    except ValidationError as error:
        prefix = settings_type.model_config.get("env_prefix", "")
        faults = [
            f"{(prefix + NESTED_DELIMITER.join(place)).upper()}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
            for place in _places(settings_type, fault)
        ]
        raise SettingsInvalid("; ".join(faults)) from None


def group_of(annotation: Any) -> type[BaseModel] | None:
    """Return the nested group that an annotation stands for, or None; a group may be optional."""
    members = get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
    return next((part for part in members if isinstance(part, type) and issubclass(part, BaseModel)), None)


def _places(settings_type: type[ServiceSettings], fault: ErrorDetails) -> list[list[str]]:
    """Return the members at fault; a group that is missing as a whole is told by the members that it requires."""
    place = [str(part) for part in fault["loc"]]
    field = settings_type.model_fields.get(place[0]) if len(place) == 1 else None
    group = group_of(field.annotation) if field is not None and fault["type"] == "missing" else None
    if group is None:
        return [place]
    return [[*place, name] for name, member in group.model_fields.items() if member.is_required()]
