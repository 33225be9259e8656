"""Where the checkout keeps what the local stack starts: templates in `local/`, installed things in `.local/`."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from readmit_cli.stack.errors import StackError
from readmit_cli.stack.s3_server import S3Server

OLDEST_POSTGRES = 15
OLDEST_JAVA = 17


@dataclass(frozen=True)
class Checkout:
    """A clone of the repository; everything `make install` put there is found through this."""

    root: Path

    @classmethod
    def find(cls) -> "Checkout":
        """Find the clone this command was installed from. Raises StackError for a command installed without one."""
        for folder in Path(__file__).resolve().parents:
            if (folder / "local" / "supervisord.conf").is_file():
                return cls(folder)
        raise StackError(
            f"The local stack lives in a clone of the repository, and {Path(__file__).parent} is not in one. "
            "Clone it, run `make install` there, and use its .venv/bin/readmit."
        )

    @property
    def templates(self) -> Path:
        """The folder of the templates and of what is started natively."""
        return self.root / "local"

    @property
    def migrations(self) -> Path:
        """The folder of the Alembic revisions."""
        return self.root / "migrations"

    @property
    def installed(self) -> Path:
        """The git-ignored folder that holds what was installed, and by default the state."""
        return self.root / ".local"

    @property
    def kafka_jars(self) -> Path:
        """The broker and its tools."""
        return self.installed / "kafka" / "libs"

    @property
    def kafka_agent(self) -> Path:
        """What tells Prometheus of the broker, from within its process."""
        return self.installed / "kafka" / "agent" / "jmx_prometheus_javaagent.jar"

    def s3(self, server: S3Server) -> Path:
        """Answer where the program of an S3 server is."""
        return self.installed / "bin" / {S3Server.MINIO: "minio", S3Server.VERSITY: "versitygw"}[server]

    @property
    def prometheus(self) -> Path:
        """Prometheus' server."""
        return self.installed / "bin" / "prometheus"

    @property
    def node_exporter(self) -> Path:
        """What tells Prometheus of the machine."""
        return self.installed / "bin" / "node_exporter"

    @property
    def postgres_exporter(self) -> Path:
        """What tells Prometheus of Postgres."""
        return self.installed / "bin" / "postgres_exporter"

    @property
    def statsd_exporter(self) -> Path:
        """What tells Prometheus of Airflow; not there when that was left out of the installation."""
        return self.installed / "bin" / "statsd_exporter"

    @property
    def observability(self) -> Path:
        """The folder of the rules, of what exporters tell, and of what else looks on."""
        return self.root / "observability"

    @property
    def mlflow(self) -> Path:
        """MLflow's command in its own environment."""
        return self.installed / "mlflow" / "bin" / "mlflow"

    @property
    def airflow(self) -> Path:
        """Airflow's command in its own environment; not there when it was left out of the installation."""
        return self.installed / "airflow" / "bin" / "airflow"

    @property
    def airflow_lock(self) -> Path:
        """The versions that Airflow's environment is made of."""
        return self.root / "airflow" / "requirements.lock"

    @property
    def dags(self) -> Path:
        """The folder of the DAGs."""
        return self.root / "airflow" / "dags"

    @property
    def airflow_plugins(self) -> Path:
        """What the DAGs are made from; on the module path of every program of Airflow."""
        return self.root / "airflow" / "plugins"

    @property
    def python(self) -> Path:
        """The interpreter of the services: the one that runs this command."""
        return Path(sys.executable)

    def java(self) -> Path:
        """Find Java: JAVA_HOME first, then the PATH. Raises StackError."""
        home = os.environ.get("JAVA_HOME")
        found = Path(home) / "bin" / "java" if home else shutil.which("java")
        if found and Path(found).is_file():
            return Path(found)
        raise StackError(f"Java {OLDEST_JAVA} or newer is not here (JAVA_HOME, PATH); `make install` installs it.")

    def postgres(self, program: str = "postgres") -> Path:
        """Find a program of the newest Postgres that is installed. Raises StackError."""
        for folder in (*_versioned_postgres(), *_postgres_on_path()):
            if (folder / program).is_file():
                return folder / program
        raise StackError(f"PostgreSQL {OLDEST_POSTGRES} or newer is not here; `make install` installs it.")


def _versioned_postgres() -> list[Path]:
    # Debian and Ubuntu keep one folder for each major version and none on the PATH; brew does the same.
    roots = {
        int(folder.parent.name.rpartition("@")[2]): folder
        for pattern in (
            "usr/lib/postgresql/*/bin",
            "opt/homebrew/opt/postgresql@*/bin",
            "usr/local/opt/postgresql@*/bin",
        )
        for folder in Path("/").glob(pattern)
        if folder.parent.name.rpartition("@")[2].isdigit()
    }
    return [folder for version, folder in sorted(roots.items(), reverse=True) if version >= OLDEST_POSTGRES]


def _postgres_on_path() -> list[Path]:
    found = shutil.which("postgres")
    return [Path(found).resolve().parent] if found else []
