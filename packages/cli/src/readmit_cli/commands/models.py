"""`readmit models`: what was trained, what serves, and who decided it."""

import typer

from readmit_cli.commands import models_change, models_converge, models_look


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(no_args_is_help=True, help="Look at models; decide which one serves.", rich_markup_mode=None)
    group.command("list")(models_look.list_models)
    group.command("show")(models_look.show)
    group.command("history")(models_look.history)
    group.command("promote")(models_change.promote)
    group.command("rollback")(models_change.rollback)
    group.command("converge")(models_converge.converge)
    app.add_typer(group, name="models")
