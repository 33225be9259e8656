"""Tell from the status views whether an effect is there: published is not done.

An effect is a function that looks once. What it answers is going on (`Pending`), there (`Met`), or will never be
(`Failed`); each says so in a sentence for people.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from readmit_airflow.contract import SPLITS, completion_id
from readmit_airflow.views import Row, StatusViews

BATCH_PRODUCER = "batch_producer"
TRAINER = "trainer"
GATE = "GATE"


@dataclass(frozen=True)
class Pending:
    """The effect may still come."""

    said: str


@dataclass(frozen=True)
class Met:
    """The effect is there; `result` is what later tasks get."""

    said: str
    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """The effect will not come."""

    said: str


Look = Pending | Met | Failed
Effect = Callable[..., Awaitable[Look]]


async def command_applied(views: StatusViews, *, command_id: str, consumer: str) -> Look:
    """Look whether a command was carried out; the result has its subject."""
    command = await views.command(command_id, consumer)
    if command is None or command["outcome"] != "applied":
        return _not_applied(command, consumer)
    return Met(command["detail"] or "Done.", {"subject": command["subject"]})


async def split_ingested(views: StatusViews, *, command_id: str, split: str) -> Look:
    """Look whether every batch of a split that a StartIngestion asked for is clean; the result has its rows."""
    command = await views.command(command_id, BATCH_PRODUCER)
    if command is None or command["outcome"] == "rejected":
        return _not_applied(command, BATCH_PRODUCER)
    run = await views.run_of(command_id)
    if run is None:
        return Failed(f"The command was taken up, but made no run: {command['detail'] or 'no reason is on record'}.")
    sums = await views.split(str(run["run_id"]), split)
    progress = f"{split}: {sums['published']:,} of {sums['planned_rows']:,} rows, {sums['clean']} of {sums['batches']}"
    if sums["clean"] == sums["batches"]:
        nothing = "" if sums["batches"] else "; the run has no batch of this split"
        return Met(f"{progress} batches clean{nothing}.", {"run_id": str(run["run_id"]), **sums})
    if run["state"] in ("failed", "cancelled"):
        why = f"{run['reason']}: {run['detail']}" if run["reason"] else run["detail"] or "no reason is on record"
        how = "failed" if run["state"] == "failed" else "was cancelled"
        return Failed(f"Run {run['run_id']} {how}. {why}")
    return Pending(f"{progress} batches clean; the run is {run['state']}.")


async def tables_clean(views: StatusViews) -> Look:
    """Look whether each clean table has exactly the rows that the ledger wants in it; the result has both numbers."""
    tables = await views.clean_tables()
    said = "; ".join(f"{one['table_name']} {one['rows']:,} of {one['in_ledger']:,} rows" for one in tables)
    failed = sum(one["failed"] for one in tables)
    said += f"; {failed} batches failed and are not in it" if failed else ""
    if any(one["waiting"] for one in tables) or any(one["rows"] != one["in_ledger"] for one in tables):
        return Pending(f"{said}. When this does not change by itself, run the DAG clean_batches with rebuild.")
    return Met(f"{said}.", {one["table_name"]: one["rows"] for one in tables})


async def model_trained(views: StatusViews, *, command_id: str | None = None, run_id: str | None = None) -> Look:
    """Look whether the job is done that a command, or else a completed run, asked for.

    The result has the model, its figures and MLflow's version of it.
    """
    command = await views.command(command_id or completion_id(run_id or ""), TRAINER)
    if command is None:
        return _not_applied(command, TRAINER)
    job = await views.job(command["subject"]) if command["subject"] else None
    done = job is not None and job["state"] == "done"  # also when the gate then had to give up
    if command["outcome"] == "rejected" and not done:
        return _not_applied(command, TRAINER)
    if job is None:
        return Failed(f"No training followed: {command['detail'] or 'no reason is on record'}")
    if job["state"] in ("failed", "cancelled"):
        return Failed(f"Training job {job['job_id']} {job['state']} ({job['reason']}): {job['detail']}")
    if job["state"] != "done":
        return Pending(f"Training job {job['job_id']} is {job['state']}{_stage(job)}.")
    if job["version"] is None and job["fresh"]:
        return Pending(f"Training job {job['job_id']} is done; waiting for its version in MLflow.")
    before = "before" if job["finished_at"] < command["recorded_at"] else "now"
    return Met(
        f"Training job {job['job_id']} was done {before}: model {job['model_id']}, {_figures(job)}.",
        {
            "job_id": str(job["job_id"]),
            "model": job["model"],
            "model_id": job["model_id"],
            "version": job["version"],
            "done_before": before == "before",
            "metrics": job["metrics"],
        },
    )


async def promotion_decided(
    views: StatusViews, *, command_id: str, model: str, refusal_is_failure: bool, wanted: str = "promotion"
) -> Look:
    """Look what became of a wish to promote or roll back; `wanted` is "train" when there was none.

    The result has `verdict` (promoted, unchanged, refused or not_asked), the gate's `refusals`, and the champion's
    `epoch`, None while there is none. What the gate refuses fails only when asked for; any other refusal always does.
    """
    if wanted == "train":
        return Met("The gate was not asked.", {"verdict": "not_asked", "refusals": [], "epoch": None})
    command = await views.command(command_id, TRAINER)
    by_gate = command is not None and command["reason"] == GATE
    if command is None or command["outcome"] == "accepted" or (command["outcome"] == "rejected" and not by_gate):
        return _not_applied(command, TRAINER)
    champion = await views.champion(model)
    decision, promotion = await views.decision_of(command_id), await views.promotion_of(command_id)
    said = command["detail"] or "Done."
    if by_gate:
        serves = "no model serves" if champion is None else f"epoch {champion['epoch']} goes on serving"
        said = f"NOT PROMOTED, {serves}. {said}"
        if refusal_is_failure:
            return Failed(said)
    result = {
        "verdict": "refused" if by_gate else "unchanged" if promotion is None else "promoted",
        "refusals": [] if decision is None else list(decision["refusals"]),
        "epoch": promotion["epoch"] if promotion else None if champion is None else champion["epoch"],
        "said": said,
    }
    return Met(said, result)


async def replicas_converged(views: StatusViews, *, model: str, epoch: int | None) -> Look:
    """Look whether every living predictor serves this epoch or a later one; without an epoch there is nothing to do."""
    if epoch is None:
        return Met("No model serves yet, so there is nothing that predictors could load.", {"epoch": None})
    champion = await views.champion(model)
    if champion is None or champion["epoch"] < epoch:
        return Pending(f"Epoch {epoch} of {model} is not on record yet.")
    if champion["replicas_alive"] == 0:
        return Pending(f"Epoch {champion['epoch']} is promoted, but no predictor is alive to serve it; start one.")
    if champion["convergence"] == "converged":
        said = f"All {champion['replicas_alive']} living predictors serve epoch {champion['epoch']}."
        return Met(said, {"epoch": champion["epoch"], "replicas": champion["replicas_alive"]})
    named = "; ".join(
        f"{one['replica']} at epoch {one['epoch'] or 'none'}{' of another lineage' if one['foreign_lineage'] else ''} "
        f"({one['load_failure'] or one['status']})"
        for one in await views.replicas_behind(model)
    )
    return Pending(f"Epoch {champion['epoch']} is promoted, but not every living predictor serves it: {named}.")


EFFECTS: Mapping[str, Effect] = MappingProxyType(
    {
        effect.__name__: effect
        for effect in (
            command_applied,
            split_ingested,
            tables_clean,
            model_trained,
            promotion_decided,
            replicas_converged,
        )
    }
)


def _not_applied(command: Row | None, consumer: str) -> Look:
    if command is None:
        return Pending(f"The {consumer} has not taken the command up yet; it acts as soon as that service runs.")
    if command["outcome"] == "rejected":
        return Failed(f"The command was refused ({command['reason']}): {command['detail'] or 'no detail is on record'}")
    return Pending(f"The {consumer} has taken the command up and works on it.")


def _stage(job: Row) -> str:
    return f", {job['stage']}" if job["stage"] else ""


def _figures(job: Row) -> str:
    metrics: dict[str, Any] = job["metrics"] or {}
    figures = [f"AUROC {split} {metrics[split]['auroc']:.4f}" for split in SPLITS if "auroc" in metrics.get(split, {})]
    return ", ".join(figures) or "no figures on record"
