"""`readmit ingest verify`: prove that the store holds what the source file says, row by row."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from readmit_cli import sessions, terminal
from readmit_cli.connection_settings import Connections
from readmit_cli.exit_codes import ExitCode
from readmit_cli.ingestion import run_names
from readmit_cli.status_store import StatusStore
from readmit_cli.verification import rendering
from readmit_cli.verification.findings import Report
from readmit_cli.verification.source_location import find_source
from readmit_cli.verification.store import AuditStore
from readmit_cli.verification.verify import OnProgress, find_run, verify_run


def verify(
    *,
    run: Annotated[str, typer.Argument(help=run_names.HELP)],
    dataset: Annotated[
        Path | None, typer.Option("--dataset", help="The CSV file that the run read; by default it is found.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON, and nothing else.")] = False,
) -> None:
    """Check every row, counter and hash of a run against the source file.

    Ends with 0 when all is as it must be, 1 for any difference or an incomplete run, 2 for an unknown run, 3 when the
    store was reset since.
    """
    begun = time.monotonic()
    console = terminal.progress_console(quiet=as_json)
    with Progress(
        TextColumn("checking"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("rows", total=None)

        def on_progress(checked: int, total: int) -> None:
            progress.update(task, completed=checked, total=total)

        report = terminal.run(_verify(Connections.find(), run, dataset, on_progress))
    _show(report, time.monotonic() - begun, as_json=as_json)
    if report.verdict != "verified":
        raise typer.Exit(ExitCode.FAILED)


async def _verify(connections: Connections, name: str, dataset: Path | None, on_progress: OnProgress) -> Report:
    async with sessions.database(connections.auditor()) as connection, AuditStore.snapshot(connection) as store:
        found = await find_run(store, await run_names.find(name, StatusStore(connection)))
        source = find_source(dataset, terminal.progress_console(quiet=False).print)
        return await verify_run(store, found, source, on_progress)


def _show(report: Report, seconds: float, *, as_json: bool) -> None:
    if as_json:
        terminal.print_json(rendering.as_dict(report))
        return
    console = terminal.out()
    console.print(rendering.terms_table(report))
    console.print()
    for line in rendering.lines(report, seconds):
        console.print(line, soft_wrap=True)
