"""What Airflow's programs find in their environment: its whole configuration, and the connections of the DAGs."""

from pathlib import Path
from urllib.parse import urlencode

from readmit_cli.stack.connections import DatabaseConnection
from readmit_cli.stack.credentials import (
    AIRFLOW_LOGIN,
    AIRFLOW_USERS,
    FERNET_KEY,
    JWT_SECRET,
    SESSION_KEY,
    Credentials,
)
from readmit_cli.stack.environment import Addresses
from readmit_cli.stack.ports import LOOPBACK

AIRFLOW_DATABASE = "airflow"

# What a DAG publishes is acknowledged or failed within this, in milliseconds: below the time its task waits.
_DELIVERY_TIMEOUT_MS = 10_000


def airflow_environment(
    addresses: Addresses, credentials: Credentials, *, home: Path, dags: Path, plugins: Path
) -> dict[str, str]:
    """Answer the environment that all of them share; a task inherits it."""
    options: dict[str, dict[str, object]] = {
        "CORE": {
            "DAGS_FOLDER": dags,
            "PLUGINS_FOLDER": plugins,
            "LOAD_EXAMPLES": False,
            "DAGS_ARE_PAUSED_AT_CREATION": False,
            "EXECUTOR": "LocalExecutor",
            "PARALLELISM": 4,
            # The default asks the network for this machine's name.
            "HOSTNAME_CALLABLE": "socket.gethostname",
            "EXECUTION_API_SERVER_URL": f"{addresses.airflow}/execution/",
            "FERNET_KEY": credentials.airflow_secret(FERNET_KEY),
            "SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{user}" for user in AIRFLOW_USERS),
            "SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": passwords_file(home),
        },
        # A bare postgresql:// means another driver to its SQLAlchemy.
        "DATABASE": {"SQL_ALCHEMY_CONN": airflow_database(addresses).url("postgresql+psycopg2")},
        "API": {
            "HOST": LOOPBACK,
            "PORT": addresses.airflow.rpartition(":")[2],
            "BASE_URL": addresses.airflow,
            "WORKERS": 1,
            "SECRET_KEY": credentials.airflow_secret(SESSION_KEY),
        },
        "API_AUTH": {"JWT_SECRET": credentials.airflow_secret(JWT_SECRET)},
        "SCHEDULER": {
            # Between two tasks of a run lies this, in seconds; 0.25 costs less than a tenth of a core.
            "SCHEDULER_IDLE_SLEEP_TIME": 0.25,
            # What ran when a scheduler was killed runs again after 40 s instead of five minutes.
            "ORPHANED_TASKS_CHECK_INTERVAL": 10,
        },
        # A task that failed is seen as failed within this, in seconds.
        "WORKERS": {"MIN_HEARTBEAT_INTERVAL": 1},
        # An edited DAG is seen after seconds instead of minutes.
        "DAG_PROCESSOR": {"REFRESH_INTERVAL": 5},
        # Names that do not vary, with what varies as tags.
        "METRICS": {
            "STATSD_ON": True,
            "STATSD_HOST": LOOPBACK,
            "STATSD_PORT": addresses.airflow_statsd_port,
            "STATSD_INFLUXDB_ENABLED": True,
            "LEGACY_NAMES_ON": False,
        },
        "USAGE_DATA_COLLECTION": {"ENABLED": False},
    }
    return (
        # A title of a process would else be written over its environment, by which it is known for a part of the stack.
        {"AIRFLOW_HOME": str(home), "PYTHONUNBUFFERED": "1", "SPT_NOENV": "1"}
        | {f"AIRFLOW__{section}__{name}": str(value) for section, o in options.items() for name, value in o.items()}
        | {f"AIRFLOW_CONN_{name}": uri for name, uri in _connections(addresses).items()}
    )


def airflow_database(addresses: Addresses) -> DatabaseConnection:
    """Answer Airflow's way to its own database, the only one that it may enter."""
    return addresses.database(AIRFLOW_LOGIN, AIRFLOW_DATABASE)


def passwords_file(home: Path) -> Path:
    """Answer where Airflow reads its users' passwords."""
    return home / "passwords.json"


def _connections(addresses: Addresses) -> dict[str, str]:
    # As URIs: supervisor cannot carry the quotes of the other form, which is JSON.
    publish = {
        "acks": "all",
        "enable.idempotence": "true",
        "delivery.timeout.ms": str(_DELIVERY_TIMEOUT_MS),
        "client.id": "readmit-airflow",
    }
    events = {
        "group.id": "airflow-on-event-retrain",
        "enable.auto.commit": "false",
        "auto.offset.reset": "earliest",
    }
    return {
        "READMIT_KAFKA": _kafka(addresses, publish),
        "READMIT_KAFKA_EVENTS": _kafka(addresses, events),
        "READMIT_STATUS": addresses.database("readmit_reader").url("postgres"),
        "READMIT_MLFLOW": addresses.mlflow,
    }


def _kafka(addresses: Addresses, options: dict[str, str]) -> str:
    return f"kafka://?{urlencode({'bootstrap.servers': addresses.kafka} | options)}"
