"""The whole way as one graph: rows in, a model that serves out; weekly, on growing data."""

from datetime import timedelta

from airflow.sdk import DAG, task
from readmit_airflow import commands, forms, readiness, steps
from readmit_airflow.contract import DEFAULT_MODEL
from readmit_airflow.publishing import PublishCommand

DOC = """
### What it does
Keeps the model up to date that tells hospitals a diabetic patient's risk of being readmitted within 30 days.

Prepare, ingest, clean, train, gate, promote, converge, in this order. Every task after a publish waits for the
**effect**, so green means done.

The first run takes all of validation and test and the first train batch. Each later one, weekly or by hand, takes the
next train batch, until the dataset is used up, and trains on all that is clean by then. So the model can be watched as
its data grows. With `train` set to `all` one run takes everything.

A model that the gate does not let through is a normal, green end: the task `gate` says *NOT PROMOTED* and why, and the
champion serves on. So is a run without new data: its training job was done before, its model is the champion already.

### When it is red
Open the red task's log: its last lines are the system's own reason. The DAGs prepare_tables, ingest_batches,
train_model and promote_model have the list of reasons and what to do about each. Then clear the red task: what was done
is not done twice.
"""

with DAG(
    "readmission_pipeline",
    description="The whole way: prepare, ingest, clean, train, gate, promote, converge",
    doc_md=DOC,
    tags=["readmit", "pipeline"],
    default_args=forms.DEFAULT_ARGS,
    schedule="@weekly",
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    params={
        "train": forms.selection("next:1", "Train batches that this run adds"),
        "validation": forms.selection("all", "Validation batches"),
        "test": forms.selection("all", "Test batches"),
        "converge_within_s": forms.converge_within_s(),
    },
) as dag:

    @task
    def prepare() -> dict[str, str | int]:
        """See that schema and topics are those that these DAGs were made for."""
        return {"schema": readiness.check_schema(), "topics": readiness.check_topics()}

    ingestion = steps.ingest(
        train=dag.param("train"), validation=dag.param("validation"), test=dag.param("test"), then="train"
    )
    train = steps.trained(run_id=ingestion.run_id)
    promote = PublishCommand(
        task_id="promote",
        doc_md="Publishes `PromoteModel` for the trained model.",
        make=commands.promote_model,
        arguments={
            "model": DEFAULT_MODEL,
            "model_id": train.output["model_id"],
            "expected_epoch": None,
            "reason": "trained by {{ run_id | truncate(100) }} of {{ dag.dag_id }}",
            "actor": "airflow",
        },
    )
    gate = steps.decided(promote.output, DEFAULT_MODEL, refusal_is_failure=False)
    prepare() >> ingestion.group >> steps.clean() >> train >> promote >> gate
    steps.converged(gate.output, DEFAULT_MODEL, dag.param("converge_within_s"))
