"""The stack's own secrets: generated once, kept in one file that its owner alone can read."""

import base64
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from readmit_contracts.access import ID_BYTES, SECRET_BYTES, make_key

# Postgres: the superuser, the logins of the services, and those of MLflow, Airflow and the exporter.
DATABASE_OWNER = "readmit_owner"
DATABASE_LOGINS = (
    DATABASE_OWNER,
    "readmit_batch_producer",
    "readmit_ingestor",
    "readmit_trainer",
    "readmit_reader",
    "readmit_auditor",
)
SUPERUSER = "postgres"
MLFLOW_LOGIN = "mlflow"
AIRFLOW_LOGIN = "airflow"
MONITOR_LOGIN = "postgres_exporter"

# S3: the server's root, and one user for each program that touches it.
OBJECT_STORE_ROOT = "readmit-root"
OBJECT_STORE_USERS = ("trainer", "predictor", "mlflow")

# The key with which this stack's own commands ask the predictor; Kafka knows its SHA-256.
ACCESS_KEY = "access/own"

# Airflow: the people at its page, each with a role of the same name, and its own keys.
AIRFLOW_ADMIN = "admin"
AIRFLOW_USERS = (AIRFLOW_ADMIN, "viewer")
FERNET_KEY = "fernet-key"
JWT_SECRET = "jwt-secret"  # noqa: S105 - a name
SESSION_KEY = "session-key"

NAMES = (
    *(f"postgres/{login}" for login in (SUPERUSER, *DATABASE_LOGINS, MLFLOW_LOGIN, AIRFLOW_LOGIN, MONITOR_LOGIN)),
    *(f"s3/{user}" for user in (OBJECT_STORE_ROOT, *OBJECT_STORE_USERS)),
    ACCESS_KEY,
    *(f"airflow/{name}" for name in (*AIRFLOW_USERS, FERNET_KEY, JWT_SECRET, SESSION_KEY)),
)


class Credentials:
    """Every password and secret key of one stack, by the login or key it belongs to; never shown by repr."""

    def __init__(self, by_name: Mapping[str, str]) -> None:
        self._by_name = dict(by_name)

    @classmethod
    def load_or_create(cls, path: Path) -> "Credentials":
        """Read the file; whatever is missing in it is generated and written, whatever is there stays."""
        known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        missing = [name for name in NAMES if name not in known]
        if missing:
            known |= {name: _generate(name) for name in missing}
            write_private(path, json.dumps(known, indent=1) + "\n")
        return cls(known)

    def database_password(self, login: str) -> str:
        """Answer the password of a Postgres login."""
        return self._by_name[f"postgres/{login}"]

    def access_key(self) -> str:
        """Answer the key for the predictor's API."""
        return self._by_name[ACCESS_KEY]

    def object_store_secret(self, user: str) -> str:
        """Answer the S3 secret key of a user; its access key is its name."""
        return self._by_name[f"s3/{user}"]

    def airflow_secret(self, name: str) -> str:
        """Answer the password of one of Airflow's users, or one of its keys."""
        return self._by_name[f"airflow/{name}"]


def _generate(name: str) -> str:
    if name == ACCESS_KEY:
        return make_key(secrets.token_bytes(ID_BYTES), secrets.token_bytes(SECRET_BYTES))
    if name == f"airflow/{FERNET_KEY}":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    # A token is signed by HS512, which wants 64 characters; MinIO takes no more than 40.
    return secrets.token_hex(32 if name == f"airflow/{JWT_SECRET}" else 20)


def write_private(path: Path, text: str) -> None:
    """Replace a file as a whole; at no moment can anybody but its owner read it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    beside.replace(path)
