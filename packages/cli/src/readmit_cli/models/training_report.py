"""Tell what a message that asked for training came to."""

from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from readmit_cli.ingestion.rendering import moment
from readmit_cli.model_rows import JobStatus
from readmit_cli.models import mlflow_links, rendering
from readmit_cli.models.model_names import named
from readmit_cli.models.training import Trained, done_before
from readmit_cli.status_rows import CommandStatus


def as_dict(trained: Trained, mlflow: str | None) -> dict[str, Any]:
    """Return the result for machines."""
    return {**msgspec.to_builtins(trained), "mlflow_url": mlflow_links.version_url(mlflow, trained.model)}


def show(trained: Trained, mlflow: str | None, console: Console) -> None:
    """Print the job, the figures, and what the gate made of the model."""
    for line in rendering.lines(
        job=f"{trained.job.job_id} {job_line(trained.job, trained.command)}",
        model=trained.model.model_id,
        version=trained.model.version or "none yet, MLflow follows",
        mlflow=mlflow_links.version_url(mlflow, trained.model),
    ):
        console.print(line, soft_wrap=True)
    console.print()
    console.print(rendering.metrics_table(trained.job.metrics or {}))
    console.print()
    if trained.decision is not None:
        console.print(rendering.verdict_line(trained.decision), soft_wrap=True)
    console.print(Text.assemble("promotion  ", outcome(trained)), soft_wrap=True)


def outcome(trained: Trained) -> Text:
    """Return whether the model serves now, and if not, who does."""
    if trained.promotion is not None:
        return Text(f"epoch {trained.promotion.epoch}: the model is the champion", style="green")
    champion = trained.champion
    if champion is not None and champion.model_id == trained.model.model_id:
        return Text(f"champion unchanged: the model is it already, under epoch {champion.epoch}")
    serves = "no model serves" if champion is None else f"{named(champion)} of epoch {champion.epoch} goes on serving"
    return Text.assemble(("not promoted", "yellow"), f": {serves}")


def job_line(job: JobStatus, command: CommandStatus) -> str:
    """Return how long the training took, or that it was done before."""
    if job.finished_at is None or job.started_at is None:
        return job.state
    if done_before(job, command):
        return f"was done before, {moment(job.finished_at)}: nothing is trained twice"
    return f"done in {(job.finished_at - job.started_at).total_seconds():.1f} s"
