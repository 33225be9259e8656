"""Train when Kafka says that a run is complete and nothing else follows it."""

import asyncio
from datetime import timedelta

from airflow.sdk import DAG, task, task_group
from readmit_airflow import commands, forms, steps
from readmit_airflow.contract import command_id
from readmit_airflow.events import ingestion_completed
from readmit_airflow.publishing import PublishCommand
from readmit_airflow.status import status_views

DOC = """
### What it does
An `IngestionCompleted` whose command said `then: nothing` starts this DAG. It publishes one `TrainModel` for each
completed run of the last day that had none yet, and waits for the model and the gate. Runs of one burst come to one
training job, because they ask for the same data.

The event only wakes this DAG; which runs are to be followed is read from the database. Airflow may start **one** DAG
run for several events that come together, and none is lost for it: the command's id is made of the completed run.

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
    params={"model": forms.model()},
) as dag:

    @task
    def find_runs() -> list[str]:
        """Return the completed runs that nothing followed yet."""
        return asyncio.run(_runs_to_follow())

    async def _runs_to_follow() -> list[str]:
        async with status_views() as views:
            asked = {command_id("on_event_retrain", "follow.ask", run): run for run in await views.unfollowed_runs()}
            return [run for id_, run in asked.items() if await views.command(id_, "trainer") is None]

    @task_group
    def follow(run_id: str) -> None:
        """Ask for training once for a run, and wait for what comes of it."""
        ask = PublishCommand(
            task_id="ask",
            doc_md="Publishes `TrainModel`; its id is made of the completed run.",
            make=commands.train_model,
            arguments={"model": dag.param("model"), "then": "train_and_promote", "force": False},
            cause=run_id,
        )
        steps.trained(command_id=ask.output) >> steps.decided(ask.output, dag.param("model"), refusal_is_failure=False)

    follow.expand(run_id=find_runs())
