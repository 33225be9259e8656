"""Lay the steps that several DAGs share: each publishes a command and waits for its effect."""

from collections.abc import Callable
from typing import Any, NamedTuple

from airflow.sdk import DAG, TaskGroup, XComArg

from readmit_airflow import commands
from readmit_airflow.contract import SPLITS
from readmit_airflow.forms import WHO
from readmit_airflow.publishing import PublishCommand
from readmit_airflow.waiting import AwaitEffect, AwaitModel

TAKEN_UP_WITHIN_S = 600
INGESTED_WITHIN_S = 4 * 3600
CLEAN_WITHIN_S = 1800
TRAINED_WITHIN_S = 4 * 3600
DECIDED_WITHIN_S = 3600


class Ingestion(NamedTuple):
    """The tasks of a run over batches: all of them, and the id of the run once one is done."""

    group: TaskGroup
    run_id: XComArg


def ingest(*, train: Any, validation: Any, test: Any, then: Any) -> Ingestion:
    """Lay a run over batches: start it, then a task per split shows its progress."""
    with TaskGroup("ingest", tooltip="Ask for a run and follow each of its splits") as group:
        start = PublishCommand(
            task_id="start",
            doc_md="Publishes `StartIngestion`; the run's id follows from the command's.",
            make=commands.start_ingestion,
            arguments={"train": train, "validation": validation, "test": test, "then": then},
        )
        waits = [
            AwaitEffect(
                task_id=f"{split}_rows",
                doc_md=f"Waits until every {split} batch of the run is clean. The log shows the rows.",
                effect="split_ingested",
                arguments={"command_id": start.output, "split": split},
                within_s=INGESTED_WITHIN_S,
            )
            for split in SPLITS
        ]
    return Ingestion(group, run_id=waits[0].output["run_id"])


def clean() -> AwaitEffect:
    """Lay the wait for the clean tables."""
    return AwaitEffect(
        task_id="clean",
        doc_md="Waits until each clean table has exactly the rows that the ledger wants in it.",
        effect="tables_clean",
        within_s=CLEAN_WITHIN_S,
    )


def trained(**message: Any) -> AwaitModel:
    """Lay the wait for the model that a command (`command_id`) or a completed run (`run_id`) asked for."""
    return AwaitModel(
        task_id="train",
        doc_md="Waits for the training job. The result has the figures; the button opens the model in MLflow.",
        arguments=message,
        within_s=TRAINED_WITHIN_S,
    )


def change_of_champion(dag: DAG, make: Callable[..., commands.Command], *fields: str) -> None:
    """Lay a change that a person asks for by the form: publish it with these fields of its own, decide, converge."""
    model = dag.param("model")
    ask = PublishCommand(
        task_id="ask",
        doc_md=f"Publishes the command of `{make.__name__}`.",
        make=make,
        arguments={
            **{name: dag.param(name) for name in ("model", "expected_epoch", "reason", *fields)},
            "actor": WHO,
        },
    )
    gate = decided(ask.output, model, refusal_is_failure=True)
    converged(gate.output, model, dag.param("converge_within_s"))


def decided(command_id: Any, model: Any, *, refusal_is_failure: bool, wanted: Any = "promotion") -> AwaitEffect:
    """Lay the wait for the gate and the change of the champion."""
    end = "the task is red" if refusal_is_failure else "the task is green and says so"
    return AwaitEffect(
        task_id="gate",
        doc_md=f"Waits until the gate has judged the model against the champion. When it refuses, {end}.",
        effect="promotion_decided",
        arguments={
            "command_id": command_id,
            "model": model,
            "refusal_is_failure": refusal_is_failure,
            "wanted": wanted,
        },
        within_s=DECIDED_WITHIN_S,
    )


def converged(decision: XComArg, model: Any, within_s: Any) -> AwaitEffect:
    """Lay the wait for the predictors to serve the champion that a decision named."""
    return AwaitEffect(
        task_id="converge",
        doc_md="Waits until every living predictor serves the champion; names those that do not.",
        effect="replicas_converged",
        arguments={"model": model, "epoch": decision["epoch"]},
        within_s=within_s,
    )


def applied(task_id: str, command: PublishCommand, consumer: str) -> AwaitEffect:
    """Lay the wait for a command that is carried out in one go."""
    return AwaitEffect(
        task_id=task_id,
        doc_md=f"Waits until the {consumer} has carried the command out.",
        effect="command_applied",
        arguments={"command_id": command.output, "consumer": consumer},
        within_s=TAKEN_UP_WITHIN_S,
    )
