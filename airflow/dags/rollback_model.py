"""Make an earlier champion the champion again."""

from datetime import timedelta

from airflow.sdk import DAG
from readmit_airflow import commands, forms, steps
from readmit_airflow.publishing import PublishCommand

DOC = """
### What it does
Publishes `RollbackModel`: an earlier champion serves again, under a new epoch and without the gate. Then waits until
every living predictor serves it.

### When it is red
* `gate` with `UNKNOWN_MODEL`: there is no such earlier epoch; `readmit models history` lists them.
* `gate` with `STALE_EPOCH`: somebody changed the champion meanwhile. Look again, then decide.
* `converge`: the rollback stands, but the predictor that is named does not serve it (`readmit logs predictor`), or no
  predictor is alive. Clear the task to wait again.
"""

with DAG(
    "rollback_model",
    description="Make an earlier champion the champion again",
    doc_md=DOC,
    tags=["readmit", "models"],
    default_args=forms.DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=3),
    params={
        "to_epoch": forms.epoch("The epoch to return to; empty: the one before."),
        "model": forms.model(),
        "expected_epoch": forms.expected_epoch(),
        "reason": forms.reason("asked for in Airflow"),
        "actor": forms.actor(),
        "converge_within_s": forms.converge_within_s(),
    },
) as dag:
    ask = PublishCommand(
        task_id="ask",
        doc_md="Publishes `RollbackModel`.",
        make=commands.rollback_model,
        arguments={
            "model": dag.param("model"),
            "to_epoch": dag.param("to_epoch"),
            "expected_epoch": dag.param("expected_epoch"),
            "reason": dag.param("reason"),
            "actor": forms.WHO,
        },
    )
    gate = steps.decided(ask.output, dag.param("model"), refusal_is_failure=True)
    steps.converged(gate.output, dag.param("model"), dag.param("converge_within_s"))
