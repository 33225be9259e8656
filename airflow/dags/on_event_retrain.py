"""Train when Kafka says that a run is complete and nothing else follows it."""

import asyncio
from datetime import timedelta

from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowSkipException
from readmit_airflow import commands, forms, steps
from readmit_airflow.contract import DEFAULT_MODEL
from readmit_airflow.events import ingestion_completed
from readmit_airflow.publishing import PublishCommand
from readmit_airflow.status import status_views

DOC = """
### What it does
An `IngestionCompleted` whose command said `then: nothing` starts this DAG. It publishes a `TrainModel`, which trains on
all that is clean, and waits for the model and the gate.

The event only wakes this DAG: Airflow may start **one** DAG run for several events that come together. None is lost for
it, because what is trained on is everything that stands in the database by then, and an event that comes later wakes it
again. The command's id is made of the run that completed last, so the same state is asked for once.

It is paused at first, so that `then: nothing` means nothing until somebody turns it on.

### When it is red
The log of the task `train` ends with the system's reason; the DAG train_model has the list.
"""

with DAG(
    "on_event_retrain",
    description="Train when a run is complete that nothing else follows",
    doc_md=DOC,
    tags=["readmit", "training", "event"],
    default_args=forms.DEFAULT_ARGS,
    schedule=[ingestion_completed()],
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    dagrun_timeout=timedelta(hours=6),
) as dag:

    @task
    def completed_run() -> str:
        """Return the run that completed last and wanted nothing to follow."""
        run_id = asyncio.run(_last_run())
        if run_id is None:
            raise AirflowSkipException("The store was reset since the event: there is nothing to train on.")
        return run_id

    async def _last_run() -> str | None:
        async with status_views() as views:
            return await views.last_run_without_follow_up()

    ask = PublishCommand(
        task_id="ask",
        doc_md="Publishes `TrainModel`; its id is made of the completed run.",
        make=commands.train_model,
        arguments={"model": DEFAULT_MODEL, "then": "train_and_promote", "force": False},
        cause=completed_run(),
    )
    steps.trained(command_id=ask.output) >> steps.decided(ask.output, DEFAULT_MODEL, refusal_is_failure=False)
