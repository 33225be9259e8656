"""Make an earlier champion the champion again."""

from datetime import timedelta

from airflow.sdk import DAG
from readmit_airflow import commands, forms, steps

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
    steps.change_of_champion(dag, commands.rollback_model, "to_epoch")
