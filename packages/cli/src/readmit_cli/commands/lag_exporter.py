"""`readmit lag-exporter`: tell Prometheus how far every consumer group is behind."""

import typer
from readmit_runtime import logs
from readmit_runtime.lifecycle import run
from readmit_runtime.settings import SettingsInvalid, load

from readmit_cli.connection_settings import Connections
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.lag_exporter.exporter import serve
from readmit_cli.lag_exporter.metrics import SERVICE
from readmit_cli.lag_exporter.settings import LagExporterSettings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("lag-exporter")(lag_exporter)


def lag_exporter() -> None:
    """Serve the lag of every consumer group as metrics, in messages and seconds, until stopped.

    What it needs to know comes from the environment, READMIT_LAG_EXPORTER_...; by default it listens on port 9308 and
    looks at the local stack's Kafka.
    """
    try:
        settings = load(LagExporterSettings)
    except SettingsInvalid as error:
        raise CommandFailed(str(error), code=ExitCode.USAGE) from None
    kafka = settings.kafka or Connections.find().kafka()
    logs.configure(service=SERVICE, level=settings.log_level)
    raise typer.Exit(run(lambda stop: serve(settings, kafka, stop), shutdown_s=settings.shutdown_s))
