"""Name what people fill in when they start a DAG, and what all DAGs have in common."""

from datetime import timedelta
from typing import Any

from airflow.sdk import Context, Param
from airflow.sdk.exceptions import AirflowFailException

from readmit_airflow.commands import SELECTION
from readmit_airflow.contract import DEFAULT_MODEL

WHO = "{{ params.actor or dag_run.triggering_user_name or 'airflow' }}"

_LINE = r"^[^\x00-\x1f\x7f]*(?!\n)$"


def refuse_unknown(context: Context) -> None:
    """Fail a run that was asked for with a parameter that its DAG does not have; Airflow itself would ignore it."""
    unknown = sorted(set(context["dag_run"].conf or {}) - set(context["dag"].params))
    if unknown:
        raise AirflowFailException(
            f"The DAG {context['dag'].dag_id} has no parameter {', '.join(unknown)}; it has "
            f"{', '.join(sorted(context['dag'].params))}. Nothing was done; start it again with these."
        )


DEFAULT_ARGS: dict[str, Any] = {
    "owner": "readmit",
    "retries": 2,
    "retry_delay": timedelta(seconds=10),
    "pre_execute": refuse_unknown,
}


def selection(default: str, what: str) -> Param:
    """Return the field for batches of a split."""
    forms = "none, all, next:2 for the next two that were not ingested yet, or a list such as 0,1"
    return Param(default, type="string", pattern=SELECTION, description=f"{what}: {forms}.")


def reason(default: str) -> Param:
    """Return the field for why something is done."""
    return Param(default, type="string", minLength=1, maxLength=200, pattern=_LINE, description="Why, for the record.")


def actor() -> Param:
    """Return the field for who wants something; `WHO` renders it."""
    return Param(
        None,
        type=["null", "string"],
        minLength=1,
        maxLength=100,
        pattern=_LINE,
        description="Who wants it, for the record; by default the user that starts the run.",
    )


def model() -> Param:
    """Return the field for the name under which models compete."""
    return Param(
        DEFAULT_MODEL,
        type="string",
        pattern=r"^[a-z][a-z0-9-]{0,62}(?!\n)$",
        description="The name under which models compete.",
    )


def epoch(what: str) -> Param:
    """Return the field for a champion's epoch."""
    return Param(None, type=["null", "integer"], minimum=1, maximum=2**53 - 1, description=what)


def expected_epoch() -> Param:
    """Return the field by which two people who change the champion at once notice each other."""
    return epoch("Refuse unless this is the champion's epoch now; empty: do not ask.")


def converge_within_s() -> Param:
    """Return the field for how long predictors may take to load a model."""
    return Param(
        120,
        type="integer",
        minimum=5,
        maximum=3600,
        description="Seconds within which every living predictor has to serve the champion.",
    )
