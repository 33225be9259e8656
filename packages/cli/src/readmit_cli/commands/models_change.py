"""`readmit models promote` and `rollback`: change what serves, and wait until it does."""

import asyncio
from typing import Annotated
from uuid import uuid4

import msgspec
import typer
from readmit_contracts.commands import PromoteModel, RollbackModel
from readmit_contracts.fields import DEFAULT_MODEL
from readmit_runtime.clock import SystemClock

from readmit_cli import sessions, terminal
from readmit_cli.asking import options as asking
from readmit_cli.asking.effects import settled
from readmit_cli.asking.requests import Request
from readmit_cli.connection_settings import Connections
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.model_rows import ChampionStatus, DecisionStatus, PromotionStatus
from readmit_cli.model_status_store import ModelStatusStore
from readmit_cli.models import convergence, model_names, options, rendering
from readmit_cli.models.model_names import named
from readmit_cli.status_rows import CommandStatus
from readmit_cli.waiting_view import WaitingView


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a command that named a champion came to; without a promotion it was the champion already."""

    command: CommandStatus
    decision: DecisionStatus | None
    promotion: PromotionStatus | None
    champion: ChampionStatus


def promote(
    *,
    name: Annotated[str, typer.Argument(metavar="MODEL", help=model_names.HELP)],
    reason: asking.Reason,
    expected_epoch: options.ExpectedEpoch = None,
    actor: asking.Actor = None,
    model: options.Name = DEFAULT_MODEL,
    as_json: asking.AsJson = False,
) -> None:
    """Put a model before the gate and, when it passes, make it the champion; waits until every predictor serves it.

    Ends with 0 when it serves, 1 when the gate or a rule refused it, 4 when it is promoted but a predictor does not
    serve it within a minute.
    """
    _check(model, reason)
    connections = Connections.find()
    found = terminal.run(_find(connections, name, model))
    message = PromoteModel(
        model=model,
        model_id=found,
        expected_epoch=expected_epoch,
        reason=reason,
        actor=asking.actor_or_login(actor),
    )
    _change(message, connections, as_json=as_json)


def rollback(
    *,
    reason: asking.Reason,
    to_epoch: Annotated[
        int | None, typer.Option("--to-epoch", min=1, help="The epoch to return to; by default the one before.")
    ] = None,
    expected_epoch: options.ExpectedEpoch = None,
    actor: asking.Actor = None,
    model: options.Name = DEFAULT_MODEL,
    as_json: asking.AsJson = False,
) -> None:
    """Make an earlier champion the champion again, under a new epoch and without the gate; waits like promote.

    Ends with 0 when it serves, 1 when a rule refused it, 4 when it is the champion but a predictor does not serve it
    within a minute.
    """
    _check(model, reason)
    message = RollbackModel(
        model=model,
        to_epoch=to_epoch,
        expected_epoch=expected_epoch,
        reason=reason,
        actor=asking.actor_or_login(actor),
    )
    _change(message, Connections.find(), as_json=as_json)


def _check(model: str, reason: str) -> None:
    options.check_name(model)
    asking.check_reason(reason)


async def _find(connections: Connections, name: str, model: str) -> str:
    async with sessions.views(connections.reader()) as (_, models):
        return (await model_names.find(name, models, model=model)).model_id


def _change(message: PromoteModel | RollbackModel, connections: Connections, *, as_json: bool) -> None:
    request = Request(uuid4(), message)
    published = asyncio.Event()
    try:
        change = terminal.run(_follow(request, message.model, connections, published, quiet=as_json))
    except KeyboardInterrupt:
        if not published.is_set():
            raise
        raise CommandFailed(
            "The command stands; `readmit models history` shows what comes of it.", code=ExitCode.INTERRUPTED
        ) from None
    if as_json:
        terminal.print_json(change)
    else:
        _report(change)


async def _follow(
    request: Request, model: str, connections: Connections, published: asyncio.Event, *, quiet: bool
) -> Change:
    clock = SystemClock()
    with WaitingView(terminal.progress_console(quiet=quiet)) as view:
        view.say("asking the trainer")
        async with sessions.views(connections.reader()) as (status, models):
            await sessions.publish(request, connections.kafka())
            published.set()
            try:
                command = await settled(request.effect, status, clock)
            except CommandFailed as refusal:
                raise await _with_figures(refusal, request, models) from None
            promotion = await models.promotion_of(request.command_id)
            champion = await models.champion(model)
            if champion is None:
                raise CommandFailed(f"The {request.effect.name} was done, but {model} has no champion on record.")
            epoch = promotion.epoch if promotion is not None else champion.epoch

            def on_champion(now: ChampionStatus) -> None:
                view.say(f"epoch {epoch} is promoted; {convergence.shown(now)}")

            champion = await convergence.converged(model, epoch, models, clock, on_champion)
            decision = await models.decision_of(request.command_id)
    return Change(command=command, decision=decision, promotion=promotion, champion=champion)


async def _with_figures(refusal: CommandFailed, request: Request, models: ModelStatusStore) -> CommandFailed:
    decision = await models.decision_of(request.command_id)
    if decision is None:
        return refusal
    return CommandFailed(f"{refusal}\n{rendering.verdict_line(decision).plain}", code=refusal.code)


def _report(change: Change) -> None:
    console = terminal.out()
    if change.decision is not None:
        console.print(rendering.verdict_line(change.decision), soft_wrap=True)
    console.print(change.command.detail or "Done.", soft_wrap=True)
    champion = change.champion
    console.print(
        f"{named(champion)} serves under epoch {champion.epoch}: {convergence.shown(champion)}.", soft_wrap=True
    )
