"""Write what the main job came to, for people and for machines."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from readmit_contracts.source import SPLITS
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from readmit_cli.demonstration.addresses import Address
from readmit_cli.demonstration.demonstration import Outcome
from readmit_cli.demonstration.pipeline import PipelineRun
from readmit_cli.models import convergence, training_report
from readmit_cli.models import rendering as models
from readmit_cli.models.model_names import named
from readmit_cli.prediction import rendering as prediction
from readmit_cli.verification import rendering as verification

SYNTHETIC = (
    "THE DATASET IS SYNTHETIC. The real one could not be had, so rows of the same form were made up.\n"
    "What follows shows that the system works; the model's figures are worthless."
)


def as_dict(outcome: Outcome, addresses: Sequence[Address], model_page: str | None) -> dict[str, Any]:
    """Return the outcome for machines."""
    return {
        **msgspec.to_builtins(outcome),
        "report": verification.as_dict(outcome.report),
        "mlflow_url": model_page,
        "addresses": [msgspec.to_builtins(address) for address in addresses],
    }


def screen(outcome: Outcome, addresses: Sequence[Address]) -> Iterable[RenderableType]:
    """Yield the sections, top down."""
    yield from _warning(outcome)
    yield verification.terms_table(outcome.report)
    yield ""
    yield from verification.lines(outcome.report, outcome.seconds.get("verification", 0.0))
    if outcome.rows_unchanged:
        yield Text("unchanged  every batch was clean before; no row was written", style="green")
    yield ""
    yield from _model(outcome)
    yield ""
    if outcome.pipeline is not None:
        yield _tasks(outcome.pipeline)
        yield Text(f"Airflow shows this run at {outcome.pipeline.page}", style="dim")
        yield ""
    yield from _warning(outcome)
    yield Text("Where to look", style="bold")
    yield _addresses(addresses)
    yield ""
    yield _seconds(outcome.seconds)


def synthetic_warning() -> Text:
    """Return the announcement that nothing can be concluded from the figures."""
    return Text(SYNTHETIC, style="bold white on red")


def _warning(outcome: Outcome) -> Iterable[RenderableType]:
    if not outcome.real:
        yield synthetic_warning()
        yield ""


def _model(outcome: Outcome) -> Iterable[RenderableType]:
    trained = outcome.trained
    metrics = trained.model.metrics
    figures = ", ".join(f"{split} {models.figure(metrics, split, 'auroc')}" for split in SPLITS if split != "train")
    yield from models.lines(
        job=f"{trained.job.job_id} {training_report.job_line(trained.job, trained.command)}",
        model=named(trained.model),
        AUROC=figures + ("" if outcome.real else "  (WORTHLESS: synthetic data)"),
    )
    if trained.decision is not None:
        yield models.verdict_line(trained.decision)
    champion = outcome.champion
    yield from models.lines(
        promotion=training_report.outcome(trained),
        champion=f"{named(champion)}, epoch {champion.epoch}; {convergence.shown(champion)}",
        prediction=prediction.summary(outcome.prediction),
    )


def _addresses(addresses: Sequence[Address]) -> RenderableType:
    text = Text()
    for address in addresses:
        text.append(f"  {address.name:<15}", style="bold").append(f"{address.look}\n")
        text.append(f"  {'':<15}{address.what}\n", style="dim")
    text.rstrip()
    return text


def _tasks(pipeline: PipelineRun) -> Table:
    table = Table("task of readmission_pipeline", "state", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.header_style = "bold"
    table.add_column("seconds", justify="right")
    for task in pipeline.tasks:
        table.add_row(task.task_id, task.state or "", "" if task.seconds is None else f"{task.seconds:.1f}")
    return table


def _seconds(seconds: Mapping[str, float]) -> Table:
    table = Table("step", box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("seconds", justify="right")
    for step, took in seconds.items():
        table.add_row(step, f"{took:.1f}")
    table.add_row(Text("together", style="bold"), Text(f"{sum(seconds.values()):.1f}", style="bold"))
    return table
