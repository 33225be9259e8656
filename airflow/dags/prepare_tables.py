"""See that readmit is there; on wish, empty its store."""

from datetime import timedelta

from airflow.sdk import DAG, Param, task
from readmit_airflow import commands, forms, readiness, steps
from readmit_airflow.publishing import PublishCommand

DOC = """
### What it does
Looks whether the database has the schema and Kafka has the topics that these DAGs were made for. With **reset** it then
empties the store as a whole (raw, clean, ledger) and begins its next generation; models and predictions stay.

### When it is red
* `schema`: the database is at another revision. Run the migrations (`readmit up` does, locally).
* `topics`: the log names those that are missing. `readmit up` makes them.
* `reset`: the store is not emptied while a run is active (`STORE_BUSY`). Wait for the run, or cancel it
  (`readmit ingest cancel`), and start this DAG again.
"""

with DAG(
    "prepare_tables",
    description="Check schema and topics; on wish, empty the store",
    doc_md=DOC,
    tags=["readmit", "ingestion"],
    default_args=forms.DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=1),
    params={
        "reset": Param(default=False, type="boolean", description="Empty the store; every row is ingested anew then."),
        "reason": forms.reason("asked for in Airflow"),
        "actor": forms.actor(),
    },
) as dag:

    @task
    def schema() -> str:
        """Compare the database's revision."""
        return readiness.check_schema()

    @task
    def topics() -> int:
        """Look for the topics."""
        return readiness.check_topics()

    @task.short_circuit
    def reset_wanted(params: dict) -> bool:
        """Go on only when the form says so."""
        return bool(params["reset"])

    reset = PublishCommand(
        task_id="reset",
        doc_md="Publishes `ResetStore`.",
        make=commands.reset_store,
        arguments={"reason": dag.param("reason"), "actor": forms.WHO},
    )
    [schema(), topics()] >> reset_wanted() >> reset >> steps.applied("emptied", reset, "batch_producer")
