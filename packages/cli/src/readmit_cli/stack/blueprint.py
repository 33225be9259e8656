"""What a stack is before anything of it runs: its checkout, its state directory, its ports and its secrets."""

from dataclasses import dataclass
from functools import cached_property

from readmit_cli.stack.airflow_environment import airflow_environment
from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.credentials import Credentials, write_private
from readmit_cli.stack.dataset import dataset_path
from readmit_cli.stack.environment import Addresses
from readmit_cli.stack.parts import Part, all_parts
from readmit_cli.stack.ports import Ports
from readmit_cli.stack.programs import AIRFLOW, AIRFLOW_EXPORTER, INFRASTRUCTURE, OBSERVERS, S3, installed_services
from readmit_cli.stack.rendering import supervisor_configuration
from readmit_cli.stack.s3_server import S3Server
from readmit_cli.stack.state_directory import StateDirectory, postgres_user


@dataclass(frozen=True)
class Blueprint:
    """One stack on paper."""

    checkout: Checkout
    state: StateDirectory
    ports: Ports
    s3_server: S3Server = S3Server.MINIO

    @cached_property
    def credentials(self) -> Credentials:
        """Every secret; the first use generates those that are not there yet."""
        self.state.create()
        return Credentials.load_or_create(self.state.credentials)

    @cached_property
    def addresses(self) -> Addresses:
        """Every address with the login that belongs to it."""
        return Addresses(self.ports, self.credentials, dataset=dataset_path(self.checkout), state=self.state)

    @cached_property
    def parts(self) -> dict[str, Part]:
        """Every part that could run, in the order of starting."""
        return all_parts(self.addresses, self.ports)

    def program_environment(self, name: str) -> dict[str, str]:
        """Answer the environment of any program."""
        if name in AIRFLOW:
            return airflow_environment(
                self.addresses,
                self.credentials,
                home=self.state.airflow,
                dags=self.checkout.dags,
                plugins=self.checkout.airflow_plugins,
            )
        return self.addresses.program_environment(name)

    def write_supervisor_configuration(self) -> None:
        """Render what the supervisor runs, mode 0600 for the environments in it. Raises StackError."""
        user = postgres_user()
        values = {
            "state": str(self.state.root),
            "socket": str(self.state.supervisor_socket),
            "local": str(self.checkout.templates),
            "exporters": str(self.checkout.observability / "exporters"),
            "java": str(self.checkout.java()),
            "kafka_jars": str(self.checkout.kafka_jars),
            "kafka_agent": str(self.checkout.kafka_agent),
            "kafka_metrics_port": str(self.ports.kafka_metrics),
            "postgres": str(self.checkout.postgres()),
            "s3": str(self.checkout.s3(self.s3_server)),
            "mlflow": str(self.checkout.mlflow),
            "airflow": str(self.checkout.airflow),
            "python": str(self.checkout.python),
            "minio_port": str(self.ports.minio),
            "minio_console_port": str(self.ports.minio_console),
            "node_exporter": str(self.checkout.node_exporter),
            "node_exporter_port": str(self.ports.node_exporter),
            "postgres_exporter": str(self.checkout.postgres_exporter),
            "postgres_exporter_port": str(self.ports.postgres_exporter),
            "statsd_exporter": str(self.checkout.statsd_exporter),
            "airflow_exporter_port": str(self.ports.airflow_exporter),
            "airflow_statsd_port": str(self.ports.airflow_statsd),
            "prometheus": str(self.checkout.prometheus),
            "prometheus_port": str(self.ports.prometheus),
            "mlflow_port": str(self.ports.mlflow),
            # Supervisor wants root to say that running as root is meant.
            "user": "root" if user else None,
            "postgres_user": user.pw_name if user else None,
        }
        programs = (*INFRASTRUCTURE, *installed_services(), *OBSERVERS, *AIRFLOW, AIRFLOW_EXPORTER)
        text = supervisor_configuration(
            self.checkout.templates / "supervisord.conf",
            values,
            programs=programs,
            kinds={S3: self.s3_server},
            environments={name: self.program_environment(name) for name in programs},
        )
        write_private(self.state.supervisor_configuration, text)
