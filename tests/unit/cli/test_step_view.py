"""The steps of starting, stopping and demonstrating, as a person sees them."""

import io
import time

from readmit_cli.commands.step_view import StepView
from rich.console import Console

PATIENCE_S = 10.0


def on(*, terminal: bool) -> tuple[io.StringIO, StepView]:
    """Give a place to write to, and a view that writes there."""
    out = io.StringIO()
    return out, StepView(Console(file=out, force_terminal=terminal, width=120, color_system=None))


def drawn(out: io.StringIO, text: str) -> bool:
    """Tell whether the text appears; drawing is another thread's."""
    deadline = time.monotonic() + PATIENCE_S
    while text not in out.getvalue() and time.monotonic() < deadline:
        time.sleep(0.01)
    return text in out.getvalue()


def test_a_step_shows_how_far_it_is_while_somebody_watches():
    """A bar for what has a known end, the words for both."""
    out, view = on(terminal=True)
    with view:
        view.started("training")
        view.going_on("training", "tree 12 [of] at most 600")
        assert drawn(out, "tree 12 [of] at most 600")
        assert "━" not in out.getvalue()
        view.going_on("training", "40 rows", completed=40, total=100)
        assert drawn(out, "━")


def test_where_nobody_watches_only_the_finished_lines_appear():
    """A log is no place for spinners."""
    out, view = on(terminal=False)
    with view:
        view.started("ingestion")
        view.going_on("ingestion", "40 rows", completed=40, total=100)
        view.finished("ingestion", 1.26, note="100 rows")
        view.started("training")
        view.failed("training", 2.0)
    lines = [line.split() for line in out.getvalue().split("\n") if line]
    assert lines == [["✓", "ingestion", "1.3", "s", "100", "rows"], ["✗", "training", "2.0", "s"]]
