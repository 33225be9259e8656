"""`readmit models converge`: wait until what was promoted is what answers."""

from typing import Annotated

import typer
from readmit_contracts.fields import DEFAULT_MODEL
from readmit_runtime.clock import SystemClock

from readmit_cli import sessions, terminal
from readmit_cli.connection_settings import Connections
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.model_rows import ChampionStatus
from readmit_cli.models import convergence, options
from readmit_cli.models.model_names import named
from readmit_cli.waiting_view import WaitingView


def converge(
    *,
    epoch: Annotated[
        int | None,
        typer.Option("--epoch", min=1, help="The epoch to wait for, or a later one; the champion's if unset."),
    ] = None,
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=0, max=86_400, help="Longest time to wait, in seconds.")
    ] = convergence.CONVERGED_WITHIN_S,
    model: options.Name = DEFAULT_MODEL,
    as_json: options.AsJson = False,
) -> None:
    """Wait until every living predictor serves the champion, and name those that do not.

    Ends with 0 when all do, 2 when there is no champion, 4 when after the time one does not, or none lives.
    """
    options.check_name(model)
    champion = terminal.run(_converge(Connections.find(), model, epoch, timeout_s, quiet=as_json))
    if as_json:
        terminal.print_json(champion)
        return
    shown = f"{named(champion)} serves under epoch {champion.epoch}: {convergence.shown(champion)}."
    terminal.out().print(shown, soft_wrap=True)


async def _converge(
    connections: Connections, model: str, epoch: int | None, timeout_s: float, *, quiet: bool
) -> ChampionStatus:
    with WaitingView(terminal.progress_console(quiet=quiet)) as view:
        async with sessions.views(connections.reader()) as (_, models):
            wanted = epoch or await _current(model, models)

            def on_champion(now: ChampionStatus) -> None:
                view.say(f"epoch {now.epoch} is promoted; {convergence.shown(now)}")

            return await convergence.converged(model, wanted, models, SystemClock(), on_champion, within_s=timeout_s)


async def _current(model: str, models: convergence.Serving) -> int:
    champion = await models.champion(model)
    if champion is None:
        raise CommandFailed(f"{model} has no champion; `readmit models list` shows what there is.", code=ExitCode.USAGE)
    return champion.epoch
