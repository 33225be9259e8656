"""Write runs and batches as people like to read them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from readmit_contracts.source import SPLITS
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from readmit_cli.ingestion.split_progress import SplitProgress
from readmit_cli.status_rows import BatchStatus, CommandStatus, RunStatus

_STYLES = {
    "planned": "cyan",
    "streaming": "cyan",
    "stored": "cyan",
    "completed": "green",
    "clean": "green",
    "cancelled": "yellow",
    "failed": "red",
}
SHORT_ID = 8
BAR_WIDTH = 14


def runs_table(runs: Sequence[RunStatus], now: datetime, *, narrow: bool = False) -> Table:
    """Return one line for each run; the beginning of its id is enough to name it. A narrow one has no `began`."""
    table = _table("run", "state", "clean")
    for name in ("published", "stored", "aside"):
        table.add_column(name, justify="right")
    for name in ("took",) if narrow else ("began", "took"):
        table.add_column(name)
    for run in runs:
        aside = run.duplicate + run.quarantined + run.discarded
        table.add_row(
            str(run.run_id)[:SHORT_ID],
            state(run.state),
            f"{run.clean_batches}/{run.batches}",
            _of(run.published, run.planned_rows),
            f"{run.stored:,}",
            Text(f"{aside:,}", style="yellow" if aside else ""),
            *(() if narrow else (moment(run.planned_at),)),
            _span(run, now),
        )
    return table


def progress_table(run_id: UUID, splits: Sequence[SplitProgress]) -> Table:
    """Return a bar for each split of a run, of the rows that have arrived."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for found in splits:
        table.add_row(
            str(run_id)[:SHORT_ID],
            found.split,
            ProgressBar(total=found.planned_rows, completed=found.published, width=BAR_WIDTH),
            _of(found.published, found.planned_rows),
            found.said,
        )
    return table


def batches_table(batches: Sequence[BatchStatus]) -> Table:
    """Return one line for each batch."""
    table = _table("split")
    table.add_column("batch", justify="right")
    table.add_column("state")
    for name in ("published", "stored", "dup.", "quar.", "disc."):
        table.add_column(name, justify="right")
    table.add_column("hash")
    for batch in batches:
        table.add_row(
            batch.split,
            str(batch.batch),
            state(batch.state),
            _of(batch.published, batch.planned_rows),
            f"{batch.stored:,}",
            f"{batch.duplicate:,}",
            Text(f"{batch.quarantined:,}", style="yellow" if batch.quarantined else ""),
            f"{batch.discarded:,}",
            batch.sha256[:SHORT_ID] if batch.sha256 else "",
        )
    return table


def run_lines(run: RunStatus, command: CommandStatus | None, now: datetime) -> Iterable[Text]:
    """Yield what there is to say of one run, line by line."""
    yield Text.assemble("run      ", str(run.run_id), "  ", state(run.state))
    if run.reason or run.detail:
        yield Text(f"why      {run.reason or ''}: {run.detail or ''}", style="yellow")
    yield Text(f"asked    {requested(run)}, then {run.then.replace('_', ' ')}")
    by = f", {command.outcome} by {command.consumer}" if command else ""
    yield Text(f"command  {run.command_id}{by}")
    yield Text(f"dataset  {run.dataset_id}, generation {run.generation}")
    yield Text(f"began    {moment(run.planned_at)}, took {_span(run, now)}")
    yield Text(f"rows     {sum_line(run)}")


def requested(run: RunStatus) -> str:
    """Return what the run's command asked for, in the words of the command line."""
    return ", ".join(f"{split} {_selection(run.requested[split])}" for split in SPLITS if split in run.requested)


def sum_line(run: RunStatus | BatchStatus) -> str:
    """Return the sum: published = stored + duplicate + quarantined + discarded, and what is missing."""
    return (
        f"published {run.published:,} = stored {run.stored:,} + duplicate {run.duplicate:,} + quarantined "
        f"{run.quarantined:,} + discarded {run.discarded:,}; missing {run.missing:,} of {run.planned_rows:,}"
    )


def state(name: str) -> Text:
    """Return a state in its colour."""
    return Text(name, style=_STYLES.get(name, ""))


def moment(at: datetime) -> str:
    """Return a moment to the second, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S}Z"


def _selection(wanted: object) -> str:
    if isinstance(wanted, dict):
        return f"next:{wanted['next']}"
    return ",".join(map(str, wanted)) if isinstance(wanted, list) else str(wanted)


def _table(*headers: str) -> Table:
    return Table(*headers, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")


def _of(part: int, whole: int) -> str:
    return f"{part:,}" if part == whole else f"{part:,} of {whole:,}"


def _span(run: RunStatus, now: datetime) -> str:
    seconds = ((run.finished_at or now) - run.planned_at).total_seconds()
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
