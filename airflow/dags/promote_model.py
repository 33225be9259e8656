"""Make a model the champion, through the gate."""

from datetime import timedelta

from airflow.sdk import DAG, Param
from readmit_airflow import commands, forms, steps

DOC = """
### What it does
Publishes `PromoteModel`: the gate compares the model with the champion on the same validation rows. When the model
passes, it is the champion under a new epoch, and the DAG waits until every living predictor serves it.

### When it is red
* `gate` with `UNKNOWN_MODEL`: no such model was trained; `readmit models list` has the ids.
* `gate` with `STALE_EPOCH`: somebody changed the champion meanwhile. Look again (`readmit models history`) and decide.
* `gate` with *NOT PROMOTED*: the gate refused; the reasons are named, the champion serves on.
* `converge`: the promotion stands, but the predictor that is named does not serve it (`readmit logs predictor`), or no
  predictor is alive. Clear the task to wait again.
"""

with DAG(
    "promote_model",
    description="Make a model the champion, through the gate",
    doc_md=DOC,
    tags=["readmit", "models"],
    default_args=forms.DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=3),
    params={
        "model_id": Param(
            type="string",
            pattern=r"^[0-9a-f]{64}(?!\n)$",
            description="The model's id, from readmit models list.",
        ),
        "model": forms.model(),
        "expected_epoch": forms.expected_epoch(),
        "reason": forms.reason("asked for in Airflow"),
        "actor": forms.actor(),
        "converge_within_s": forms.converge_within_s(),
    },
) as dag:
    steps.change_of_champion(dag, commands.promote_model, "model_id")
