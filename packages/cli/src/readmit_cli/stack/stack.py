"""The local stack: Kafka, Postgres, S3, MLflow, the services and Airflow, as native processes under one supervisor."""

import contextlib
import json
import shutil
from collections.abc import Collection
from pathlib import Path

from readmit_cli.stack import migrations, processes, s3_server
from readmit_cli.stack.blueprint import Blueprint
from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.connections import AirflowConnection, DatabaseConnection, ObjectStoreConnection
from readmit_cli.stack.credentials import AIRFLOW_ADMIN, DATABASE_OWNER, write_private
from readmit_cli.stack.environment import DATABASE, MODELS_BUCKET, Addresses
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.exclusive import exclusively
from readmit_cli.stack.locate import OUTSIDE, state_path
from readmit_cli.stack.parts import Part, default_parts, with_requirements
from readmit_cli.stack.ports import Ports
from readmit_cli.stack.programs import (
    AIRFLOW_API_SERVER,
    AIRFLOW_COMPONENTS,
    AIRFLOW_EXPORTER,
    INFRASTRUCTURE,
    MLFLOW,
    OBSERVERS,
    SERVICES,
)
from readmit_cli.stack.progress import Note, Progress, Silent, step, together
from readmit_cli.stack.s3_server import S3Server
from readmit_cli.stack.start_up import StartUp
from readmit_cli.stack.state_directory import StateDirectory, postgres_user
from readmit_cli.stack.supervision import DOWN, Supervisor

# Above the longest stopwaitsecs of the configuration: after that the supervisor has killed the program.
STOP_TIMEOUT_S = 75.0


class Stack:
    """One stack: a state directory and its ports. Nothing is touched before a method that says so."""

    def __init__(
        self,
        state_dir: Path,
        ports: Ports,
        *,
        checkout: Checkout | None = None,
        progress: Progress | None = None,
        s3: S3Server | None = None,
    ) -> None:
        """`s3` is READMIT_S3 unless given; without either the stack goes on with what it has, at first MinIO."""
        self.state = StateDirectory(state_dir.absolute())
        self.ports = ports
        self._asked_s3 = s3 or s3_server.asked_for()
        server = s3_server.recorded(self.state) or self._asked_s3 or S3Server.MINIO
        self.blueprint = Blueprint(checkout or Checkout.find(), self.state, ports, server)
        self.supervisor = Supervisor(self.state)
        self._progress = progress or Silent()

    @classmethod
    def find(cls, checkout: Checkout | None = None) -> "Stack":
        """Find the stack of this checkout, on the ports it was started with. Raises StackError if it never was."""
        checkout = checkout or Checkout.find()
        state = StateDirectory(state_path(checkout, postgres_user()))
        ports = recorded_ports(state)
        if ports is None:
            raise StackError(f"No stack was started in {state.root}; `readmit up` starts one.")
        return cls(state.root, ports, checkout=checkout)

    @property
    def addresses(self) -> Addresses:
        """Every address and login; the first use generates the secrets if there are none."""
        return self.blueprint.addresses

    @property
    def parts(self) -> dict[str, Part]:
        """Every part that could run, in the order of starting."""
        return self.blueprint.parts

    @property
    def kafka_bootstrap(self) -> str:
        """Kafka's bootstrap servers."""
        return self.addresses.kafka

    @property
    def mlflow_uri(self) -> str:
        """MLflow's tracking URI."""
        return self.addresses.mlflow

    def database(self, login: str, database: str = DATABASE) -> DatabaseConnection:
        """Answer a login's way to a database."""
        return self.addresses.database(login, database)

    def object_store(self, user: str, bucket: str = MODELS_BUCKET) -> ObjectStoreConnection:
        """Answer an S3 user's way to a bucket."""
        return self.addresses.bucket(user, bucket)

    def airflow(self, user: str = AIRFLOW_ADMIN) -> AirflowConnection:
        """Answer a user's way to Airflow's REST interface."""
        return self.addresses.airflow_user(user)

    def environment(self, service: str) -> dict[str, str]:
        """Answer a service's environment, READMIT_<SERVICE>_<GROUP>__<FIELD>; `service` may be its module's name."""
        return self.addresses.service_environment(service.replace("_", "-"))

    def connection_file(self) -> Path:
        """Write addresses and secrets for a person's shell (`set -a; . FILE`), mode 0600, and answer where."""
        lines = [f"{name}='{value}'\n" for name, value in self.addresses.for_people().items()]
        write_private(self.state.connection_file, "".join(lines))
        return self.state.connection_file

    def wanted(self) -> tuple[str, ...]:
        """Answer the parts that the last `up` was asked for, in the order of starting; none if there was no `up`."""
        return tuple(json.loads(self.state.record.read_text())["parts"]) if self.state.record.exists() else ()

    def up(self, names: Collection[str] | None = None) -> frozenset[str]:
        """Start what is down of the named parts, by default all but Airflow, and wait until each of them works.

        Answers what had to be started: empty when everything was up. Raises StackError; what runs then goes on running.
        """
        wanted = with_requirements(default_parts() if names is None else names)
        with exclusively(self.state):
            s3_server.require_same(self.state, self._asked_s3)
            self._supervise()
            record = {
                "ports": self.ports.model_dump(),
                "parts": [name for name in self.parts if name in wanted],
                "s3": self.blueprint.s3_server,
            }
            self.state.record.write_text(json.dumps(record, indent=1) + "\n")
            before = self.supervisor.states()
            StartUp(self.blueprint, self.supervisor, progress=self._progress).run(wanted)
            self.connection_file()
        return frozenset(name for name in wanted if before[name].state in DOWN)

    def down(self) -> bool:
        """Stop in good order and wait for the end of: what works on something, what it works with, the supervisor.

        Ends only what the stack's own supervisor started. Answers whether there was anything. Raises StackError.
        """
        if not self.state.root.exists():
            return False
        with exclusively(self.state):
            if self.supervisor.pid() is None:
                return bool(processes.stop_orphans(self.state.root))
            # A task that is ended tells Airflow's server so.
            works = (*SERVICES, *OBSERVERS, MLFLOW, *AIRFLOW_COMPONENTS)
            for wave in (works, (*INFRASTRUCTURE, AIRFLOW_API_SERVER, AIRFLOW_EXPORTER)):
                running = [name for name, now in self.supervisor.states().items() if now.state not in DOWN]
                together(self._progress, {name: self._stop for name in running if name in wave})
            with step(self._progress, "supervisor"):
                self.supervisor.shut_down(timeout_s=STOP_TIMEOUT_S)
            # A scheduler of Airflow that was killed has left its workers behind, which heed no other signal.
            processes.stop_orphans(self.state.root, processes.AT_ONCE)
        return True

    def forget(self) -> None:
        """Stop everything, then remove the state directory with all its data. Raises StackError."""
        self.down()
        if self.state.record.exists():
            shutil.rmtree(self.state.root)
        if self.state.root.parent == OUTSIDE:
            with contextlib.suppress(OSError):
                OUTSIDE.rmdir()

    def migrate(self, database: str = DATABASE) -> None:
        """Bring a database to the newest revision, as its owner. Raises StackError."""
        owner = self.database(DATABASE_OWNER, database)
        migrations.upgrade(self.blueprint.checkout, owner, log=self.state.log("migrations"))

    def _supervise(self) -> None:
        if self.supervisor.pid() is not None:
            self.blueprint.write_supervisor_configuration()
            self.supervisor.reload()
            return
        with step(self._progress, "supervisor") as note:
            left = processes.stop_orphans(self.state.root)
            note.text = f"{len(left)} processes of a killed supervisor were ended first" if left else ""
            self.blueprint.write_supervisor_configuration()
            self.supervisor.launch()

    def _stop(self, note: Note) -> None:
        self.supervisor.stop([note.step], timeout_s=STOP_TIMEOUT_S)


def recorded_ports(state: StateDirectory) -> Ports | None:
    """Answer the ports the stack was last started with, None if it never was."""
    return Ports(**json.loads(state.record.read_text())["ports"]) if state.record.exists() else None
