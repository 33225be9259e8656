"""See that the clean tables hold what the ledger says; on wish, derive them anew."""

from datetime import timedelta

from airflow.sdk import DAG, Param, task
from readmit_airflow import commands, forms, steps
from readmit_airflow.publishing import PublishCommand

DOC = """
### What it does
Ingestors clean batches by themselves. This DAG waits until each clean table has exactly the rows that the ledger wants
in it, and reports the counts per table (the result of the task `clean`). With **rebuild** it first has the clean tables
derived from the raw ones again.

### When it is red
* `clean`: the log has rows and ledger of each table. When a table has other rows than the ledger says and that does not
  change, somebody has altered it: start this DAG with rebuild.
* `rebuilt` with `DATASET_CHANGED`: the **raw** rows of the batch that is named were altered; nothing was rebuilt.
  `readmit ingest verify last` names the rows.
"""

with DAG(
    "clean_batches",
    description="Compare the clean tables with the ledger; on wish, rebuild them",
    doc_md=DOC,
    tags=["readmit", "ingestion"],
    default_args=forms.DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=2),
    params={
        "rebuild": Param(default=False, type="boolean", description="Derive the clean tables from the raw ones again."),
        "reason": forms.reason("asked for in Airflow"),
        "actor": forms.actor(),
    },
) as dag:

    @task.short_circuit(ignore_downstream_trigger_rules=False)
    def rebuild_wanted(params: dict) -> bool:
        """Rebuild only when the form says so."""
        return bool(params["rebuild"])

    rebuild = PublishCommand(
        task_id="rebuild",
        doc_md="Publishes `RebuildClean`.",
        make=commands.rebuild_clean,
        arguments={"reason": dag.param("reason"), "actor": forms.WHO},
    )
    clean = steps.clean()
    clean.trigger_rule = "none_failed"
    rebuild_wanted() >> rebuild >> steps.applied("rebuilt", rebuild, "ingestor") >> clean
