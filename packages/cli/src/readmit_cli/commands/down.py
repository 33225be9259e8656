"""`readmit down`: stop the local stack."""

from typing import Annotated

import typer
from rich.console import Console

from readmit_cli.commands.step_view import StepView
from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.locate import state_path
from readmit_cli.stack.ports import Ports
from readmit_cli.stack.stack import Stack, recorded_ports
from readmit_cli.stack.state_directory import StateDirectory, postgres_user


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("down")(down)


def down(
    *,
    forget: Annotated[bool, typer.Option("--forget", help="Remove all data, logs and secrets as well.")] = False,
) -> None:
    """Stop every part and wait for its end; the data stays for the next `readmit up`."""
    console = Console()
    checkout = Checkout.find()
    state = state_path(checkout, postgres_user())
    with StepView(console) as view:
        stack = Stack(state, recorded_ports(StateDirectory(state)) or Ports(), checkout=checkout, progress=view)
        stopped = stack.down()
        if forget:
            stack.forget()
    console.print(
        ("Stopped" if stopped else "Nothing was running") + (", and nothing is left of it." if forget else ".")
    )
