"""`readmit ingest`: bring batches into the store, watch it, and check what came of it."""

import typer

from readmit_cli.commands import ingest_control, ingest_start, ingest_status, ingest_verify


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(no_args_is_help=True, help="Bring batches into the store.", rich_markup_mode=None)
    group.command("start")(ingest_start.start)
    group.command("status")(ingest_status.status)
    group.command("cancel")(ingest_control.cancel)
    group.command("resume")(ingest_control.resume)
    group.command("reset")(ingest_control.reset)
    group.command("rebuild-clean")(ingest_control.rebuild_clean)
    group.command("verify")(ingest_verify.verify)
    app.add_typer(group, name="ingest")
