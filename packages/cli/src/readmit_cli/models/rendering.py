"""Write models, jobs, promotions and verdicts as people like to read them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from readmit_contracts.source import SPLITS
from rich.table import Table
from rich.text import Text

from readmit_cli.ingestion.rendering import SHORT_ID, moment
from readmit_cli.model_rows import DecisionStatus, JobStatus, PromotionStatus
from readmit_cli.models.listing import ModelDetail, ModelEntry
from readmit_cli.models.model_names import short_id
from readmit_cli.models.training import stage

# The figures that a person looks at first, with their headings; `--json` has all of them.
_FIGURES = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "brier": "Brier",
    "ece": "ECE",
    "calibration_slope": "cal. slope",
    "flagged": "flagged",
    "precision": "precision",
    "recall": "recall",
}
_JOB_ENDS = {"done": "green", "failed": "red", "cancelled": "red"}
_KINDS = {"promotion": "green", "rollback": "yellow"}


def models_table(entries: Sequence[ModelEntry]) -> Table:
    """Return one line for each model; the beginning of its id is enough to name it."""
    table = _table("", "version", "model")
    for split in ("validation", "test"):
        table.add_column(f"{split} AUROC", justify="right")
    for name in ("trained", "gate", "epochs"):
        table.add_column(name)
    for entry in entries:
        table.add_row(
            Text("*", style="green") if entry.serves else "",
            entry.model.version or "-",
            short_id(entry.model.model_id),
            *(figure(entry.model.metrics, split, "auroc") for split in ("validation", "test")),
            moment(entry.model.trained_at),
            _verdict(entry.decision) if entry.decision else "-",
            ", ".join(map(str, entry.epochs)) or "-",
        )
    return table


def jobs_table(jobs: Sequence[JobStatus]) -> Table:
    """Return one line for each job, and why it came to no model."""
    table = _table("job", "asked", "state", "why")
    for job in jobs:
        style = "cyan" if job.active else _JOB_ENDS[job.state]
        why = f"{job.reason}: {job.detail}" if job.reason else ""
        table.add_row(str(job.job_id)[:SHORT_ID], moment(job.asked_at), Text(stage(job), style=style), why)
    return table


def metrics_table(metrics: Mapping[str, Any]) -> Table:
    """Return a line for each split with the figures of a model on its rows."""
    table = _table("")
    for name in ("rows", *_FIGURES.values()):
        table.add_column(name, justify="right")
    for split in SPLITS:
        if split in metrics:
            rows = f"{int(metrics[split]['rows']):,}"
            table.add_row(split, rows, *(figure(metrics, split, name) for name in _FIGURES))
    return table


def promotions_table(promotions: Sequence[PromotionStatus]) -> Table:
    """Return one line for each epoch."""
    table = _table()
    table.add_column("epoch", justify="right")
    for name in ("kind", "version", "model", "when", "instead of", "by", "reason"):
        table.add_column(name)
    for one in promotions:
        replaced = f"epoch {one.replaces_epoch}" if one.replaces_epoch is not None else "-"
        table.add_row(
            str(one.epoch),
            Text(one.kind, style=_KINDS.get(one.kind, "")),
            one.version or "-",
            short_id(one.model_id),
            moment(one.promoted_at),
            replaced,
            one.actor,
            one.reason,
        )
    return table


def decisions_table(decisions: Sequence[DecisionStatus]) -> Table:
    """Return one line for each verdict of the gate."""
    table = _table("model", "when", "verdict", "AUROC", "champion's", "gain (90 % interval)")
    for one in decisions:
        table.add_row(
            short_id(one.model_id),
            moment(one.decided_at),
            _verdict(one),
            _evidence(one, "challenger_auroc"),
            _evidence(one, "champion_auroc"),
            _gain(one),
        )
    return table


def verdict_line(decision: DecisionStatus) -> Text:
    """Return what the gate said, and by which figures."""
    text = Text.assemble("gate       ", _verdict(decision), ": AUROC ", _evidence(decision, "challenger_auroc"))
    if decision.champion_model_id is None:
        return text.append(" on the validation rows, and there was no champion to be better than")
    text.append(f" against {_evidence(decision, 'champion_auroc')} of the champion of epoch {decision.champion_epoch}")
    return text.append(f", on the same validation rows; gain {_gain(decision)}")


def detail_lines(found: ModelDetail, mlflow_url: str | None) -> Iterable[Text]:
    """Yield what there is to say of one model, line by line."""
    model, job = found.model, found.job
    yield from lines(
        model=model.model_id,
        name=model.model,
        version=model.version or "none yet, MLflow follows",
        serves=Text("yes, it is the champion", style="green") if found.serves else "no",
        trained=f"{moment(model.trained_at)}, job {model.job_id}",
        recipe=f"{job.recipe}, best after {job.metrics['best_iteration']} trees" if job and job.metrics else None,
        features=f"version {model.feature_version}",
        batches=f"{model.training_set_sha256} of train and validation",
        mlflow=mlflow_url,
        mlflow_run=model.mlflow_run_id,
    )


def figure(metrics: Mapping[str, Any] | None, split: str, name: str) -> str:
    """Return one figure of a model, `-` where it has none."""
    value = (metrics or {}).get(split, {}).get(name)
    return "-" if value is None else f"{value:.4f}"


def lines(**fields: object) -> Iterable[Text]:
    """Yield a line for each field that has a value: the name, then the value."""
    for name, value in fields.items():
        if value is not None:
            yield Text.assemble(f"{name.replace('_', ' '):<11}", value if isinstance(value, Text) else str(value))


def _verdict(decision: DecisionStatus) -> Text:
    if decision.passed:
        return Text("passed", style="green")
    return Text(f"refused ({', '.join(decision.refusals)})", style="yellow")


def _evidence(decision: DecisionStatus, name: str) -> str:
    value = decision.evidence.get("metrics", {}).get(name)
    return "-" if value is None else f"{value:.4f}"


def _gain(decision: DecisionStatus) -> str:
    found = decision.evidence.get("metrics", {})
    if "auroc_gain" not in found:
        return "-"
    bounds = ""
    if "auroc_gain_lower" in found:
        bounds = f" ({found['auroc_gain_lower']:+.4f} to {found['auroc_gain_upper']:+.4f})"
    return f"{found['auroc_gain']:+.4f}{bounds}"


def _table(*headers: str) -> Table:
    return Table(*headers, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
