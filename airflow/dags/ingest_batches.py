"""Bring batches of the dataset into the store."""

from datetime import timedelta

from airflow.sdk import DAG, Param
from readmit_airflow import forms, steps

DOC = """
### What it does
Publishes `StartIngestion` for the batches that the form names, then follows each split until its batches are clean.
Batches that are clean already are not ingested again.

### When it is red
The log of the split's task ends with the system's reason.
* *The run failed* with `QUARANTINE_LIMIT`: a batch holds too many bad rows. `readmit ingest status` shows them; decide
  on them, then resume the run.
* *The run was cancelled*: somebody did that on purpose, the reason is theirs. Start this DAG again to go on.
* *The command was refused*: the reason code says which rule.
* *The time is over*: `readmit status` shows which service is down. The run goes on by itself once it is back; clear the
  task to wait again.
"""

with DAG(
    "ingest_batches",
    description="Bring batches of the dataset into the store",
    doc_md=DOC,
    tags=["readmit", "ingestion"],
    default_args=forms.DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=6),
    params={
        "train": forms.selection("next:1", "Batches of the train split"),
        "validation": forms.selection("all", "Batches of the validation split"),
        "test": forms.selection("all", "Batches of the test split"),
        "then": Param(
            "nothing",
            enum=["nothing", "train", "train_and_promote"],
            description="What follows by itself once the rows are in. With nothing, on_event_retrain may be turned on.",
        ),
    },
) as dag:
    steps.ingest(
        train=dag.param("train"), validation=dag.param("validation"), test=dag.param("test"), then=dag.param("then")
    )
