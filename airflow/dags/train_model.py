"""Train on what the store holds."""

from datetime import timedelta

from airflow.sdk import DAG, Param
from readmit_airflow import commands, forms, steps
from readmit_airflow.publishing import PublishCommand

DOC = """
### What it does
Publishes `TrainModel`, waits for the job and returns the model's figures; the button *Model in MLflow* of the task
`train` opens it there. The same data, recipe and versions are the same job, which is done once; **force** makes a new
one. With *train_and_promote* the gate then compares the model with the champion. A model that the gate refuses is a
normal, green end: the task `gate` says so.

### When it is red
The log of the task `train` ends with the system's reason.
* `NO_TRAINING_ROWS`, `NO_VALIDATION_ROWS`: ingest batches of that split first (DAG ingest_batches).
* `FIT_MEMORY_LIMIT`, `FIT_TIME_LIMIT`, `ATTEMPTS_EXHAUSTED`: see the trainer's log (`readmit logs trainer`).
* *The time is over*: `readmit status` shows whether a trainer runs. The job goes on; clear the task to wait again.
"""

with DAG(
    "train_model",
    description="Train on every clean batch of the store",
    doc_md=DOC,
    tags=["readmit", "training"],
    default_args=forms.DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=6),
    params={
        "model": forms.model(),
        "then": Param(
            "train_and_promote", enum=["train", "train_and_promote"], description="Whether the model goes to the gate."
        ),
        "force": Param(default=False, type="boolean", description="Train anew, even when the same job is done."),
    },
) as dag:
    ask = PublishCommand(
        task_id="ask",
        doc_md="Publishes `TrainModel`.",
        make=commands.train_model,
        arguments={"model": dag.param("model"), "then": dag.param("then"), "force": dag.param("force")},
    )
    steps.trained(command_id=ask.output) >> steps.decided(
        ask.output, dag.param("model"), refusal_is_failure=False, wanted=dag.param("then")
    )
