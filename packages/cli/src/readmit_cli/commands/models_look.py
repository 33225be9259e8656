"""`readmit models list`, `show` and `history`: read what is on record."""

from typing import Annotated

import msgspec
import typer
from readmit_contracts.fields import DEFAULT_MODEL

from readmit_cli import sessions, terminal
from readmit_cli.connection_settings import Connections
from readmit_cli.models import listing, mlflow_links, model_names, options, rendering
from readmit_cli.models.listing import EVERY, History, Listing, ModelDetail


def list_models(
    *, model: options.Name = DEFAULT_MODEL, limit: options.Limit = 20, as_json: options.AsJson = False
) -> None:
    """List the trained models, newest first; the champion has a star."""
    options.check_name(model)
    found = terminal.run(_listing(Connections.find(), model, limit))
    if as_json:
        terminal.print_json(found)
        return
    console = terminal.out()
    if found.models:
        console.print(rendering.models_table(found.models))
    else:
        console.print(f"There is no {model} model yet; `readmit train` trains one.")
    if found.jobs:
        console.print("\nJobs without a model")
        console.print(rendering.jobs_table(found.jobs))


def show(
    *,
    name: Annotated[str, typer.Argument(metavar="MODEL", help=model_names.HELP)],
    model: options.Name = DEFAULT_MODEL,
    as_json: options.AsJson = False,
) -> None:
    """Show one model: its figures, the gate's verdicts on it, and when it was the champion."""
    options.check_name(model)
    connections = Connections.find()
    found = terminal.run(_detail(connections, name, model))
    link = mlflow_links.version_url(connections.mlflow(), found.model)
    if as_json:
        terminal.print_json({**msgspec.to_builtins(found), "mlflow_url": link})
        return
    _show(found, link)


def history(*, model: options.Name = DEFAULT_MODEL, limit: options.Limit = 20, as_json: options.AsJson = False) -> None:
    """List the promotions and rollbacks, and the gate's verdicts, newest first."""
    options.check_name(model)
    found = terminal.run(_history(Connections.find(), model, limit))
    if as_json:
        terminal.print_json(found)
        return
    console = terminal.out()
    if found.promotions:
        console.print(rendering.promotions_table(found.promotions))
    else:
        console.print(f"No {model} model was promoted yet.")
    if found.decisions:
        console.print("\nThe gate said")
        console.print(rendering.decisions_table(found.decisions))


async def _listing(connections: Connections, model: str, limit: int) -> Listing:
    async with sessions.views(connections.reader()) as (_, models):
        return await listing.gather(models, model, limit)


async def _detail(connections: Connections, name: str, model: str) -> ModelDetail:
    async with sessions.views(connections.reader()) as (_, models):
        found = await model_names.find(name, models, model=model)
        champion = await models.champion(found.model)
        return ModelDetail(
            model=found,
            job=await models.job(found.job_id),
            serves=champion is not None and champion.model_id == found.model_id,
            decisions=tuple(await models.decisions(found.model, EVERY, model_id=found.model_id)),
            promotions=tuple(await models.promotions(found.model, EVERY, model_id=found.model_id)),
        )


async def _history(connections: Connections, model: str, limit: int) -> History:
    async with sessions.views(connections.reader()) as (_, models):
        return History(
            promotions=tuple(await models.promotions(model, limit)),
            decisions=tuple(await models.decisions(model, limit)),
        )


def _show(found: ModelDetail, link: str | None) -> None:
    console = terminal.out()
    for line in rendering.detail_lines(found, link):
        console.print(line, soft_wrap=True)
    console.print()
    console.print(rendering.metrics_table(found.model.metrics or {}))
    if found.decisions:
        console.print("\nThe gate said")
        console.print(rendering.decisions_table(found.decisions))
    if found.promotions:
        console.print("\nThe champion under")
        console.print(rendering.promotions_table(found.promotions))
