"""The order of starting, and what has to be made once each part answers.

Kafka, Postgres and S3 side by side, each with what lives in it (logins, databases, buckets, keys); then migrations,
topics, MLflow and the beginning of Airflow side by side; the services last, while Airflow gets ready. Every step leaves
alone what is done, therefore this also repairs.
"""

import shutil
import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from readmit_cli.stack import (
    access_key,
    airflow_home,
    buckets,
    dataset,
    kafka_node,
    migrations,
    postgres_cluster,
    prometheus,
    store,
    topics,
    versity,
)
from readmit_cli.stack.blueprint import Blueprint
from readmit_cli.stack.credentials import DATABASE_LOGINS, DATABASE_OWNER, MLFLOW_LOGIN, MONITOR_LOGIN
from readmit_cli.stack.environment import DATABASE, MLFLOW_DATABASE
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.program_start import require_free_ports, wait_until_ready
from readmit_cli.stack.programs import (
    AIRFLOW,
    AIRFLOW_API_SERVER,
    AIRFLOW_EXPORTER,
    BATCH_PRODUCER,
    KAFKA,
    LAG_EXPORTER,
    MLFLOW,
    NODE_EXPORTER,
    POSTGRES,
    POSTGRES_EXPORTER,
    PROMETHEUS,
    S3,
    SERVICES,
)
from readmit_cli.stack.progress import Note, Progress, together
from readmit_cli.stack.s3_server import S3Server
from readmit_cli.stack.supervision import DOWN, Supervisor

Step = Callable[[Note], None]


class StartUp:
    """Starts the parts of one stack under its living supervisor."""

    def __init__(self, blueprint: Blueprint, supervisor: Supervisor, *, progress: Progress) -> None:
        self._blueprint = blueprint
        self._supervisor = supervisor
        self._progress = progress
        self._abandoned = threading.Event()

    def run(self, wanted: Collection[str]) -> None:
        """Start what is down of these parts and wait until all of them work. Raises StackError."""
        there = {name for name, program in self._supervisor.states().items() if program.state not in DOWN}
        prometheus.ask_for(self._blueprint.state, self._blueprint.ports, there.union(wanted))
        for wave in (self._bases(), self._followers(), self._services()):
            steps = {name: run for name, (needs, run) in wave.items() if needs in wanted}
            together(self._progress, steps, abandoned=self._abandoned)

    def _bases(self) -> Mapping[str, tuple[str, Step]]:
        return {
            "dataset": (BATCH_PRODUCER, self._find_dataset),
            KAFKA: (KAFKA, self._program(KAFKA, prepare=self._prepare_kafka)),
            POSTGRES: (POSTGRES, self._program(POSTGRES, prepare=self._prepare_postgres, furnish=self._make_databases)),
            S3: (S3, self._program(S3, prepare=self._prepare_s3, furnish=self._make_buckets)),
        }

    def _followers(self) -> Mapping[str, tuple[str, Step]]:
        return {
            "migrations": (POSTGRES, self._migrate),
            "topics": (KAFKA, self._apply_topics),
            MLFLOW: (MLFLOW, self._program(MLFLOW, prepare=self._prepare_mlflow)),
            "airflow": (AIRFLOW_API_SERVER, self._begin_airflow),
        }

    def _services(self) -> Mapping[str, tuple[str, Step]]:
        services = {name: (name, self._program(name)) for name in (*SERVICES, LAG_EXPORTER)}
        services[PROMETHEUS] = (PROMETHEUS, self._program(PROMETHEUS, prepare=self._prepare_prometheus))
        plan = self._blueprint.checkout
        exporters = {
            NODE_EXPORTER: plan.node_exporter,
            POSTGRES_EXPORTER: plan.postgres_exporter,
            AIRFLOW_EXPORTER: plan.statsd_exporter,
        }
        for name, program in exporters.items():
            services[name] = (name, self._program(name, prepare=self._installed(name, program)))
        return services | {name: (name, self._await) for name in AIRFLOW}

    def _begin_airflow(self, note: Note) -> None:
        states = self._supervisor.states()
        down = [name for name in AIRFLOW if states[name].state in DOWN]
        if not down:
            note.text = "was running"
            return
        for name in down:
            require_free_ports(self._blueprint, name)
        airflow_home.prepare(self._blueprint)
        for name in down:
            self._supervisor.start(name)

    def _await(self, note: Note) -> None:
        wait_until_ready(self._blueprint, self._supervisor, note.step, abandoned=self._abandoned)

    def _program(
        self, name: str, *, prepare: Callable[[], None] | None = None, furnish: Callable[[], None] | None = None
    ) -> Step:
        def start(note: Note) -> None:
            if self._supervisor.states()[name].state in DOWN:
                require_free_ports(self._blueprint, name)
                if prepare is not None:
                    prepare()
                self._supervisor.start(name)
            else:
                note.text = "was running"
            wait_until_ready(self._blueprint, self._supervisor, name, abandoned=self._abandoned)
            if furnish is not None:
                furnish()

        return start

    def _find_dataset(self, note: Note) -> None:
        said: list[str] = []
        dataset.ensure(self._blueprint.checkout, said.append)
        note.text = " ".join(said)

    def _prepare_kafka(self) -> None:
        kafka_node.prepare(self._blueprint.checkout, self._blueprint.state, self._blueprint.ports)

    def _prepare_postgres(self) -> None:
        plan = self._blueprint
        postgres_cluster.prepare(plan.checkout, plan.state, plan.ports, plan.credentials)

    def _make_databases(self) -> None:
        addresses = self._blueprint.addresses
        superuser = addresses.superuser()
        for login in (*DATABASE_LOGINS, MLFLOW_LOGIN, MONITOR_LOGIN):
            store.ensure_login(superuser, login=login, password=addresses.database(login).password)
        store.ensure_membership(superuser, login=MONITOR_LOGIN, role="pg_monitor")
        store.ensure_database(superuser, database=DATABASE, owner=DATABASE_OWNER, logins=DATABASE_LOGINS)
        store.ensure_database(superuser, database=MLFLOW_DATABASE, owner=MLFLOW_LOGIN, logins=(MLFLOW_LOGIN,))

    def _make_buckets(self) -> None:
        buckets.ensure(self._blueprint.addresses, self._blueprint.s3_server)

    def _migrate(self, _note: Note) -> None:
        owner = self._blueprint.addresses.database(DATABASE_OWNER)
        migrations.upgrade(self._blueprint.checkout, owner, log=self._blueprint.state.log("migrations"))

    def _apply_topics(self, note: Note) -> None:
        addresses = self._blueprint.addresses
        notes = (topics.apply(addresses.kafka), access_key.ensure(addresses.kafka, addresses.access_key))
        note.text = "; ".join(text for text in notes if text)

    def _prepare_s3(self) -> None:
        plan = self._blueprint
        program = plan.checkout.s3(plan.s3_server)
        if not program.is_file():
            install = f"READMIT_S3={plan.s3_server} make install"
            raise StackError(f"The S3 server {plan.s3_server} is not at {program}; `{install}` builds it.")
        if plan.s3_server is S3Server.VERSITY:
            versity.prepare(plan.state, plan.credentials)

    def _prepare_mlflow(self) -> None:
        plan = self._blueprint
        self._installed(MLFLOW, plan.checkout.mlflow)()
        # Else what dead processes counted would be read at every scrape for ever.
        if plan.state.mlflow.exists():
            shutil.rmtree(plan.state.mlflow)

    def _prepare_prometheus(self) -> None:
        plan = self._blueprint
        prometheus.prepare(plan.checkout, plan.state, plan.ports, plan.s3_server)

    def _installed(self, name: str, program: Path) -> Callable[[], None]:
        def require() -> None:
            if not program.is_file():
                raise StackError(f"{name} is not at {program}; `make install` installs it.")

        return require
