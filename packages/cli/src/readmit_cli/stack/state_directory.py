"""Where one stack keeps its data, logs and secrets, and which user's reach that has to be within."""

import hashlib
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from readmit_cli.stack.errors import StackError

# 107 bytes on Linux, 103 on macOS; supervisor first binds the name with ".<pid>" behind it.
LONGEST_SOCKET_PATH = 103 - len(".4194304")


@dataclass(frozen=True)
class StateDirectory:
    """The files of one stack under one folder; two stacks share nothing but the installed programs."""

    root: Path

    def __post_init__(self) -> None:
        # supervisor reads `;` and `#` behind a blank as comments, expands a log's name twice, and cannot quote a quote.
        if any(mark in str(self.root) for mark in ('"', "'", "%", "\n", " ;", " #")):
            raise StackError(
                f'The name of the state directory {self.root} has a quote, "%", " ;", " #" or a line end in it, '
                "which the supervisor cannot read back; set READMIT_STATE to a plainer one."
            )

    @property
    def record(self) -> Path:
        """What a later command has to know of a stack that was started: its ports, parts and S3 server."""
        return self.root / "stack.json"

    @property
    def lock(self) -> Path:
        """Held by the one command that starts or stops something."""
        return self.root / "stack.lock"

    @property
    def credentials(self) -> Path:
        """The generated secrets, mode 0600."""
        return self.root / "credentials.json"

    @property
    def connection_file(self) -> Path:
        """Addresses and secrets for a person's shell, mode 0600."""
        return self.root / "connection.env"

    @property
    def supervisor_configuration(self) -> Path:
        """The rendered configuration, mode 0600 for the environments in it."""
        return self.root / "supervisord.conf"

    @property
    def supervisor_pid(self) -> Path:
        """Written by the supervisor, removed when it ends."""
        return self.root / "supervisord.pid"

    @property
    def supervisor_socket(self) -> Path:
        """The supervisor's control socket; a path too long for a socket is replaced by a short one under /tmp."""
        plain = self.root / "supervisord.sock"
        if len(os.fsencode(plain)) <= LONGEST_SOCKET_PATH:
            return plain
        return _short_folder() / f"{hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]}.sock"

    @property
    def logs(self) -> Path:
        """One file for each program, rotated by the supervisor."""
        return self.root / "log"

    def log(self, program: str) -> Path:
        """Answer the log file of a program or a set-up step."""
        return self.logs / f"{program}.log"

    @property
    def kafka(self) -> Path:
        """The broker's configuration and data."""
        return self.root / "kafka"

    @property
    def postgres(self) -> Path:
        """The cluster's configuration and data."""
        return self.root / "postgres"

    @property
    def minio(self) -> Path:
        """MinIO's data."""
        return self.root / "minio"

    @property
    def versity(self) -> Path:
        """Versity S3 Gateway's data and users; only there when it is this stack's object store."""
        return self.root / "versity"

    @property
    def mlflow(self) -> Path:
        """What MLflow's server counts for Prometheus, in files of its process; gone with the next start."""
        return self.root / "mlflow"

    @property
    def prometheus(self) -> Path:
        """Prometheus' configuration and what it has seen."""
        return self.root / "prometheus"

    @property
    def predictor(self) -> Path:
        """What the predictor keeps for its next process."""
        return self.root / "predictor"

    @property
    def spool(self) -> Path:
        """Answered predictions that Kafka does not have yet; predictors make and share it."""
        return self.root / "spool"

    @property
    def airflow(self) -> Path:
        """Airflow's home: its users' passwords and the logs of its tasks; closed to others."""
        return self.root / "airflow"

    def create(self) -> None:
        """Make the folders; the secrets among the files are protected one by one, so that Postgres gets through."""
        for folder in (self.root, self.logs, self.kafka, self.postgres, self.minio, self.prometheus):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.airflow.mkdir(mode=0o700, exist_ok=True)
        socket_folder = self.supervisor_socket.parent
        if socket_folder != self.root:
            socket_folder.mkdir(mode=0o700, exist_ok=True)
            if socket_folder.lstat().st_uid != os.getuid():
                raise StackError(f"{socket_folder} belongs to somebody else; set READMIT_STATE to a shorter path.")


def _short_folder() -> Path:
    return Path(f"/tmp/readmit-{os.getuid()}")  # noqa: S108 - made 0700 and its owner is checked


def postgres_user() -> pwd.struct_passwd | None:
    """Answer whom Postgres has to run as: nobody special, unless this is root, whom the server refuses.

    Raises StackError when root has no such user.
    """
    if os.geteuid() != 0:
        return None
    name = os.environ.get("READMIT_PG_USER", "postgres")
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise StackError(
            f"Postgres never runs as root, and there is no user {name!r}. "
            "Install PostgreSQL by `make install`, or name another user in READMIT_PG_USER."
        ) from None


def first_closed_folder(path: Path, user: pwd.struct_passwd) -> Path | None:
    """Find the first folder on the way to `path` that `user` may not pass, judged by mode and groups; None if none."""
    groups = set(os.getgrouplist(user.pw_name, user.pw_gid))
    for folder in reversed((path, *path.parents)):
        if not folder.exists():
            return None
        status = folder.stat()
        if status.st_uid == user.pw_uid:
            allowed = status.st_mode & stat.S_IXUSR
        elif status.st_gid in groups:
            allowed = status.st_mode & stat.S_IXGRP
        else:
            allowed = status.st_mode & stat.S_IXOTH
        if not allowed:
            return folder
    return None
