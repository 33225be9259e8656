"""Find how this command reaches the system: by its own settings where they are set, else the local stack's."""

from dataclasses import asdict

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict, SettingsError
from readmit_runtime.settings import NESTED_DELIMITER, SECRETS_FOLDER, FiledSettings, KafkaSettings, PostgresSettings

from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.stack.connections import AirflowConnection
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.programs import AIRFLOW, MLFLOW, PROMETHEUS
from readmit_cli.stack.stack import Stack

PREFIX = "READMIT_CLI_"
READER = "readmit_reader"
AUDITOR = "readmit_auditor"
PREDICTOR = "predictor"

# A check reads every row of the store in one statement per table.
AUDIT_STATEMENT_S = 600.0

_URL = r"^https?://\S+$"


class CliSettings(FiledSettings):
    """How `readmit` reaches a system that is not the local stack; what is unset is found there."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=NESTED_DELIMITER, frozen=True, hide_input_in_errors=True
    )

    kafka: KafkaSettings | None = Field(None, description="Kafka, as the principal of the CLI.")
    reader: PostgresSettings | None = Field(None, description="Postgres, as a role that reads the status views.")
    auditor: PostgresSettings | None = Field(
        None, description="Postgres, as a role that reads the store and its ledger."
    )
    predictor: str | None = Field(None, pattern=_URL, description="Base URL of a predictor.")
    predictor_key: SecretStr | None = Field(None, description="Access key for that predictor.")
    mlflow: str | None = Field(None, pattern=_URL, description="Base URL of MLflow, for links only.")
    prometheus: str | None = Field(None, pattern=_URL, description="Base URL of a Prometheus with the alerts.")


class Connections:
    """The ways into the system, found when they are asked for; each raises CommandFailed without a stack."""

    def __init__(self, settings: CliSettings) -> None:
        self._settings = settings

    @classmethod
    def find(cls) -> "Connections":
        """Read the settings; raises CommandFailed when one is not valid."""
        try:
            return cls(CliSettings())
        except SettingsError as error:
            raise CommandFailed(f"{SECRETS_FOLDER}: {error}", code=ExitCode.USAGE) from None
        except ValidationError as error:
            faults = [
                f"{(PREFIX + NESTED_DELIMITER.join(map(str, fault['loc']))).upper()}: {fault['msg']}"
                for fault in error.errors(include_input=False, include_url=False)
            ]
            raise CommandFailed("; ".join(faults), code=ExitCode.USAGE) from None

    @property
    def local(self) -> bool:
        """Whether they lead to the local stack."""
        return self._settings.reader is None

    @property
    def local_kafka(self) -> bool:
        """Whether Kafka is the local stack's."""
        return self._settings.kafka is None

    def kafka(self) -> KafkaSettings:
        """Return the way to the brokers."""
        return self._settings.kafka or KafkaSettings(bootstrap_servers=_stack().kafka_bootstrap)

    def reader(self) -> PostgresSettings:
        """Return the way to the status views."""
        return self._settings.reader or _stack_login(READER)

    def auditor(self) -> PostgresSettings:
        """Return the way to the store and its ledger, with time for a whole table."""
        settings = self._settings.auditor or _stack_login(AUDITOR)
        return settings.model_copy(update={"statement_timeout_s": AUDIT_STATEMENT_S})

    def predictor(self) -> str:
        """Return the base URL of a predictor."""
        return self._settings.predictor or _stack().addresses.service(PREDICTOR)

    def access_key(self) -> str:
        """Return the key to show to the predictor; raises CommandFailed when that one's is not given."""
        if self._settings.predictor_key is not None:
            return self._settings.predictor_key.get_secret_value()
        if self._settings.predictor is not None:
            raise CommandFailed(
                f"{PREFIX}PREDICTOR is set; set {PREFIX}PREDICTOR_KEY too, to a key that `readmit keys create` made.",
                code=ExitCode.USAGE,
            )
        return _stack().addresses.access_key

    def mlflow(self) -> str | None:
        """Return the base URL of MLflow, None where it is not known or not started."""
        if self._settings.mlflow or not self.local:
            return self._settings.mlflow
        stack = _stack()
        return stack.mlflow_uri if MLFLOW in stack.wanted() else None

    def prometheus(self) -> str:
        """Return the base URL of Prometheus; raises CommandFailed where none is known or started."""
        if self._settings.prometheus is not None:
            return self._settings.prometheus
        if not self.local:
            raise CommandFailed(f"Not known here; set {PREFIX}PROMETHEUS to a base URL.", code=ExitCode.USAGE)
        stack = _stack()
        if PROMETHEUS not in stack.wanted():
            raise CommandFailed("Prometheus was not started; `make up` does.", code=ExitCode.UNAVAILABLE)
        return stack.addresses.prometheus

    def airflow(self) -> AirflowConnection | None:
        """Return the local stack's Airflow, None where there is no local stack or Airflow was not started."""
        if not self.local:
            return None
        stack = _stack()
        return stack.airflow() if set(AIRFLOW) <= set(stack.wanted()) else None


def _stack() -> Stack:
    try:
        return Stack.find()
    except StackError as error:
        raise CommandFailed(str(error), code=ExitCode.UNAVAILABLE) from error


def _stack_login(login: str) -> PostgresSettings:
    return PostgresSettings.model_validate(asdict(_stack().database(login)))
