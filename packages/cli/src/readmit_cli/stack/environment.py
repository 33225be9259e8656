"""What each program of the stack finds in its environment."""

from collections.abc import Mapping
from pathlib import Path

from readmit_cli.stack.connections import AirflowConnection, DatabaseConnection, ObjectStoreConnection
from readmit_cli.stack.credentials import (
    AIRFLOW_ADMIN,
    MLFLOW_LOGIN,
    MONITOR_LOGIN,
    OBJECT_STORE_ROOT,
    SUPERUSER,
    Credentials,
)
from readmit_cli.stack.ports import LOOPBACK, Ports
from readmit_cli.stack.programs import LAG_EXPORTER, MLFLOW, POSTGRES_EXPORTER, S3, SERVICES
from readmit_cli.stack.state_directory import StateDirectory

DATABASE = "readmit"
MLFLOW_DATABASE = "mlflow"
MODELS_BUCKET = "readmit-models"
MLFLOW_BUCKET = "readmit-mlflow"

# A service that is not named here has no login there: the predictor knows no database, the ingestor no object store.
_DATABASE_LOGINS = {
    "batch-producer": "readmit_batch_producer",
    "ingestor": "readmit_ingestor",
    "trainer": "readmit_trainer",
}
_OBJECT_STORE_SERVICES = ("trainer", "predictor")
_MLFLOW_SERVICES = ("trainer",)
_DATASET_SERVICES = ("batch-producer",)
_KEYED_SERVICES = ("predictor",)
_SPOOLING_SERVICES = ("predictor",)


class Addresses:
    """Every address of one stack, with the login that belongs to it."""

    def __init__(self, ports: Ports, credentials: Credentials, *, dataset: Path, state: StateDirectory) -> None:
        self._ports = ports
        self._credentials = credentials
        self._dataset = dataset
        self._state = state

    @property
    def kafka(self) -> str:
        """Kafka's bootstrap servers."""
        return f"{LOOPBACK}:{self._ports.kafka}"

    @property
    def object_store(self) -> str:
        """The S3 endpoint, without scheme."""
        return f"{LOOPBACK}:{self._ports.minio}"

    @property
    def mlflow(self) -> str:
        """MLflow's tracking URI."""
        return f"http://{LOOPBACK}:{self._ports.mlflow}"

    @property
    def airflow(self) -> str:
        """Airflow's web page, and the base URL of its REST interface."""
        return f"http://{LOOPBACK}:{self._ports.airflow}"

    @property
    def minio_console(self) -> str:
        """MinIO's web page."""
        return f"http://{LOOPBACK}:{self._ports.minio_console}"

    @property
    def access_key(self) -> str:
        """The key for the predictor's API."""
        return self._credentials.access_key()

    @property
    def lag_exporter(self) -> str:
        """The base URL of the lag exporter."""
        return f"http://{LOOPBACK}:{self._ports.lag_exporter}"

    @property
    def node_exporter(self) -> str:
        """The base URL of what tells of the machine."""
        return f"http://{LOOPBACK}:{self._ports.node_exporter}"

    @property
    def postgres_exporter(self) -> str:
        """The base URL of what tells of Postgres."""
        return f"http://{LOOPBACK}:{self._ports.postgres_exporter}"

    @property
    def airflow_exporter(self) -> str:
        """The base URL of what tells of Airflow."""
        return f"http://{LOOPBACK}:{self._ports.airflow_exporter}"

    @property
    def airflow_statsd_port(self) -> int:
        """The port, of UDP, that Airflow sends its metrics to."""
        return self._ports.airflow_statsd

    @property
    def prometheus(self) -> str:
        """Prometheus' web page, and the base URL of its queries."""
        return f"http://{LOOPBACK}:{self._ports.prometheus}"

    def service(self, name: str) -> str:
        """Answer the base URL of a service."""
        return f"http://{LOOPBACK}:{self.service_port(name)}"

    def service_port(self, name: str) -> int:
        """Answer the port of a service."""
        return int(getattr(self._ports, SERVICES[name]))

    def database(self, login: str, database: str = DATABASE) -> DatabaseConnection:
        """Answer a login's way to a database of the stack."""
        return DatabaseConnection(
            port=self._ports.postgres,
            database=database,
            user=login,
            password=self._credentials.database_password(login),
        )

    def superuser(self, database: str = SUPERUSER) -> DatabaseConnection:
        """Answer the superuser's way to a database; the stack alone uses it."""
        return self.database(SUPERUSER, database)

    def bucket(self, user: str, bucket: str = MODELS_BUCKET) -> ObjectStoreConnection:
        """Answer an S3 user's way to a bucket."""
        return ObjectStoreConnection(
            endpoint=self.object_store,
            access_key=user,
            secret_key=self._credentials.object_store_secret(user),
            bucket=bucket,
        )

    def airflow_user(self, user: str = AIRFLOW_ADMIN) -> AirflowConnection:
        """Answer a user's way to Airflow."""
        return AirflowConnection(url=self.airflow, user=user, password=self._credentials.airflow_secret(user))

    def service_environment(self, name: str) -> dict[str, str]:
        """Answer the settings of a service, `READMIT_<SERVICE>_<GROUP>__<FIELD>`; it gets only what it needs."""
        values = {
            "KAFKA__BOOTSTRAP_SERVERS": self.kafka,
            "HTTP__HOST": LOOPBACK,
            "HTTP__PORT": str(self.service_port(name)),
        }
        if name in _DATABASE_LOGINS:
            values |= _database_values(self.database(_DATABASE_LOGINS[name]))
        if name in _OBJECT_STORE_SERVICES:
            values |= _object_store_values(self.bucket(name))
        if name in _MLFLOW_SERVICES:
            values["MLFLOW__URI"] = self.mlflow
        if name in _DATASET_SERVICES:
            values["DATASET"] = str(self._dataset)
        if name in _KEYED_SERVICES:
            values["KEYS__FILE"] = str(self._state.predictor / "access-keys.json")
            values["LOAD__CACHE"] = str(self._state.predictor / "models")
        if name in _SPOOLING_SERVICES:
            values["PREDICTION_LOG__SPOOL"] = str(self._state.spool)
        prefix = f"READMIT_{SERVICES[name].upper()}_"
        environment = {"PYTHONUNBUFFERED": "1"} | {prefix + key: value for key, value in values.items()}
        if name in _MLFLOW_SERVICES:
            # MLflow's client writes artifacts to S3 by itself and reads these, never our settings.
            environment |= self._aws(name)
        return environment

    def program_environment(self, name: str) -> dict[str, str]:
        """Answer the environment of any program; Kafka and Postgres read their configuration files alone."""
        if name in SERVICES:
            return self.service_environment(name)
        if name == LAG_EXPORTER:
            return {
                "PYTHONUNBUFFERED": "1",
                "READMIT_LAG_EXPORTER_KAFKA__BOOTSTRAP_SERVERS": self.kafka,
                "READMIT_LAG_EXPORTER_HTTP__HOST": LOOPBACK,
                "READMIT_LAG_EXPORTER_HTTP__PORT": str(self._ports.lag_exporter),
            }
        if name == POSTGRES_EXPORTER:
            monitor = self.database(MONITOR_LOGIN, SUPERUSER)
            return {
                "DATA_SOURCE_URI": f"{monitor.host}:{monitor.port}/{monitor.database}?sslmode=disable",
                "DATA_SOURCE_USER": monitor.user,
                "DATA_SOURCE_PASS": monitor.password,
            }
        if name == S3:
            secret = self._credentials.object_store_secret(OBJECT_STORE_ROOT)
            minio = {
                "MINIO_ROOT_USER": OBJECT_STORE_ROOT,
                "MINIO_ROOT_PASSWORD": secret,
                "MINIO_UPDATE": "off",
                # Counts alone, on loopback alone: Prometheus needs no key for them.
                "MINIO_PROMETHEUS_AUTH_TYPE": "public",
            }
            versity = {"ROOT_ACCESS_KEY": OBJECT_STORE_ROOT, "ROOT_SECRET_KEY": secret}
            # One of the two servers runs, and neither knows the other's names.
            return minio | versity
        if name == MLFLOW:
            # The store's address is here and not on the command line, which every user of the machine can read.
            # 3.17 resolves SQLAlchemy 2.1, where a bare postgresql:// means a driver that is not installed.
            store = self.database(MLFLOW_LOGIN, MLFLOW_DATABASE).url("postgresql+psycopg2")
            return self._aws(MLFLOW) | {
                "MLFLOW_BACKEND_STORE_URI": store,
                "MLFLOW_DEFAULT_ARTIFACT_ROOT": f"s3://{MLFLOW_BUCKET}",
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "DO_NOT_TRACK": "true",
                "PYTHONUNBUFFERED": "1",
            }
        return {}

    def for_people(self) -> Mapping[str, str]:
        """Answer what a person's shell needs for psql, kcat and S3 tools; Postgres as the reader of the views."""
        reader = self.database("readmit_reader")
        airflow = self.airflow_user()
        return {
            "READMIT_KAFKA": self.kafka,
            "READMIT_ACCESS_KEY": self._credentials.access_key(),
            "PGHOST": reader.host,
            "PGPORT": str(reader.port),
            "PGDATABASE": reader.database,
            "PGUSER": reader.user,
            "PGPASSWORD": reader.password,
            "MLFLOW_TRACKING_URI": self.mlflow,
            "READMIT_AIRFLOW_URL": airflow.url,
            "READMIT_AIRFLOW_USER": airflow.user,
            "READMIT_AIRFLOW_PASSWORD": airflow.password,
            "MINIO_ROOT_USER": OBJECT_STORE_ROOT,
            "MINIO_ROOT_PASSWORD": self._credentials.object_store_secret(OBJECT_STORE_ROOT),
            "AWS_ENDPOINT_URL": f"http://{self.object_store}",
        } | self._aws("trainer")

    def _aws(self, user: str) -> dict[str, str]:
        return {
            "MLFLOW_S3_ENDPOINT_URL": f"http://{self.object_store}",
            "AWS_ACCESS_KEY_ID": user,
            "AWS_SECRET_ACCESS_KEY": self._credentials.object_store_secret(user),
            "AWS_DEFAULT_REGION": "us-east-1",
        }


def _database_values(connection: DatabaseConnection) -> dict[str, str]:
    return {
        "POSTGRES__HOST": connection.host,
        "POSTGRES__PORT": str(connection.port),
        "POSTGRES__DATABASE": connection.database,
        "POSTGRES__USER": connection.user,
        "POSTGRES__PASSWORD": connection.password,
    }


def _object_store_values(connection: ObjectStoreConnection) -> dict[str, str]:
    return {
        "OBJECT_STORE__ENDPOINT": connection.endpoint,
        "OBJECT_STORE__REGION": connection.region,
        "OBJECT_STORE__ACCESS_KEY": connection.access_key,
        "OBJECT_STORE__SECRET_KEY": connection.secret_key,
        "OBJECT_STORE__BUCKET": connection.bucket,
        "OBJECT_STORE__SECURE": str(connection.secure).lower(),
    }
