"""Show a person the steps of starting and stopping: a line when one is done, a clock while it is going on."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.progress_bar import ProgressBar
from rich.text import Text


class _KnownBar(BarColumn):
    """A bar for what has a known end, nothing for the rest."""

    def render(self, task: Task) -> ProgressBar | Text:  # type: ignore[override]  # an empty column is fine too
        """Draw the bar."""
        return Text() if task.total is None else super().render(task)


class StepView:
    """Hears of steps and prints them; use it as a context. Where nobody watches, only the finished lines appear."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            _KnownBar(bar_width=30),
            TextColumn("{task.fields[said]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "StepView":
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def started(self, step: str) -> None:
        """Show a running clock."""
        self._tasks[step] = self._progress.add_task(step, total=None, said="")

    def going_on(self, step: str, said: str, *, completed: int | None = None, total: int | None = None) -> None:
        """Say beside the clock how far the step is; with a total there is a bar."""
        self._progress.update(self._tasks[step], completed=completed, total=total, said=said)

    def finished(self, step: str, seconds: float, *, note: str) -> None:
        """Replace the clock by a line."""
        self._end(step)
        said = f"  {note}" if note else ""
        self._console.print(f"  [green]✓[/] {step:<22}{seconds:6.1f} s{said}", highlight=False, soft_wrap=True)

    def failed(self, step: str, seconds: float) -> None:
        """Replace the clock by a line; the error follows from whoever catches it."""
        self._end(step)
        self._console.print(f"  [red]✗[/] {step:<22}{seconds:6.1f} s", highlight=False)

    def _end(self, step: str) -> None:
        self._progress.remove_task(self._tasks.pop(step))
