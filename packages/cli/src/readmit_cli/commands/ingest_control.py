"""`readmit ingest cancel`, `resume`, `reset` and `rebuild-clean`: give the command, and tell what became of it."""

import getpass
from typing import Annotated
from uuid import UUID, uuid4

import typer
from readmit_contracts.commands import CancelIngestion, RebuildClean, ResetStore, ResumeIngestion
from readmit_contracts.fields import Message
from readmit_runtime.clock import SystemClock

from readmit_cli import sessions, terminal
from readmit_cli.asking import options
from readmit_cli.asking.effects import taken_up
from readmit_cli.asking.requests import Request
from readmit_cli.connection_settings import Connections
from readmit_cli.ingestion import run_names
from readmit_cli.status_rows import CommandStatus, StoreStatus, TableStatus


def cancel(
    *,
    run: Annotated[str, typer.Argument(help=run_names.HELP)],
    reason: options.Reason,
    as_json: options.AsJson = False,
) -> None:
    """End a run's streaming; what has arrived stays, and the next run that wants the batches goes on from there."""
    options.check_reason(reason)
    done = terminal.run(_cancel(Connections.find(), run, reason))
    _report(done, f"Run {done.subject} is cancelled.", as_json=as_json)


def resume(
    *,
    run: Annotated[str, typer.Argument(help=run_names.HELP)],
    as_json: options.AsJson = False,
) -> None:
    """Take up a failed run; its failed batches are planned again. Refused while one is over the quarantine limit."""
    done = terminal.run(_resume(Connections.find(), run))
    _report(done, f"Run {done.subject} goes on; `readmit ingest status {done.subject}` shows it.", as_json=as_json)


def reset(
    *,
    reason: options.Reason,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Empty the store as a whole, and plan every batch anew for its next generation; refused while a run is active."""
    options.check_reason(reason)
    connections = Connections.find()
    if not yes:
        store, tables = terminal.run(_store(connections))
        rows = sum(table.rows for table in tables)
        typer.confirm(f"Remove all {rows:,} rows of generation {store.generation} from the store?", abort=True)
    message = ResetStore(reason=reason, actor=getpass.getuser())
    done = terminal.run(_give(connections, message))
    _report(done, f"The store is empty; its generation is now {done.subject}.", as_json=as_json)


def rebuild_clean(*, reason: options.Reason, actor: options.Actor = None, as_json: options.AsJson = False) -> None:
    """Derive every clean table anew from the raw ones; refused, and nothing changed, when raw rows were altered."""
    options.check_reason(reason)
    message = RebuildClean(reason=reason, actor=options.actor_or_login(actor))
    done = terminal.run(_give(Connections.find(), message))
    _report(done, f"The clean tables of generation {done.subject} are right again: {done.detail}.", as_json=as_json)


async def _cancel(connections: Connections, name: str, reason: str) -> CommandStatus:
    return await _give(connections, CancelIngestion(run_id=await _run_id(connections, name), reason=reason))


async def _resume(connections: Connections, name: str) -> CommandStatus:
    return await _give(connections, ResumeIngestion(run_id=await _run_id(connections, name)))


async def _run_id(connections: Connections, name: str) -> UUID:
    async with sessions.status(connections.reader()) as store:
        return await run_names.find(name, store)


async def _store(connections: Connections) -> tuple[StoreStatus, list[TableStatus]]:
    async with sessions.status(connections.reader()) as store:
        return await store.store(), list(await store.tables())


async def _give(connections: Connections, message: Message) -> CommandStatus:
    request = Request(uuid4(), message)
    async with sessions.status(connections.reader()) as store:
        await sessions.publish(request, connections.kafka())
        return await taken_up(request.effect, store, SystemClock())


def _report(done: CommandStatus, text: str, *, as_json: bool) -> None:
    if as_json:
        terminal.print_json(done)
    else:
        terminal.out().print(text, soft_wrap=True)
