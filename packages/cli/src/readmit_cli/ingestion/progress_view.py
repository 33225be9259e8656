"""Show how far a run is: a bar for each split, counting the rows that have arrived."""

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from readmit_cli.ingestion.split_progress import by_split
from readmit_cli.status_rows import BatchStatus, RunStatus

_WHOLE = "run"


class RunProgress:
    """Bars that follow a run; use it as a context. Where nobody watches, nothing is shown."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[said]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "RunProgress":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def waiting(self, text: str) -> None:
        """Show what is waited for until the first progress."""
        self._bar(_WHOLE, 0, None, text)

    def update(self, run: RunStatus, batches: Sequence[BatchStatus]) -> None:
        """Move the bars to where the run is; a split's bar needs its batches, the run's own does not."""
        for found in by_split(batches):
            self._bar(found.split, found.published, found.planned_rows, found.said)
        said = f"{run.clean_batches}/{run.batches} batches clean, {run.state}"
        self._bar(_WHOLE, run.published, run.planned_rows, said)

    def _bar(self, name: str, completed: int, total: int | None, said: str) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total, said=said)
        self._progress.update(self._tasks[name], completed=completed, total=total, said=said)
