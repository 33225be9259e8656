"""Show one model in MLflow: the child process `python -m trainer.projection.mlflow_child <workdir>`.

A process of its own because importing MLflow takes some 150 MB, which the trainer would keep for ever. Whatever was
done before, by a child that was killed half-way, is found by the job's tag and completed.
"""

import sys
from pathlib import Path

import lightgbm
import mlflow
import mlflow.lightgbm
import msgspec
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from trainer.child import Reporter, run_child
from trainer.projection.registration import (
    BOOSTER_FILE,
    JOB_TAG,
    MODEL_TAG,
    ORPHAN_TAG,
    REGISTERED_FILE,
    REGISTRATION_FILE,
    Registered,
    Registration,
)

BATCH = 500  # the server takes at most 1,000 metrics at once, and 100 params or tags


def project(workdir: Path, report: Reporter) -> None:
    """Do the work; raises what MLflow raises."""
    wanted = msgspec.json.decode((workdir / REGISTRATION_FILE).read_bytes(), type=Registration)
    client = MlflowClient()
    experiment = mlflow.set_experiment(wanted.experiment)
    run_id, orphans = _run(client, experiment.experiment_id, wanted)
    report.stage("run")
    _log(client, run_id, wanted)
    report.stage("logged")
    version = _known_version(client, run_id, wanted) or _register(client, run_id, wanted, workdir / BOOSTER_FILE)
    client.set_terminated(run_id, "FINISHED")
    report.stage("registered")
    registered = Registered(run_id=run_id, version=version, orphans=orphans)
    (workdir / REGISTERED_FILE).write_bytes(msgspec.json.encode(registered))


def _run(client: MlflowClient, experiment_id: str, wanted: Registration) -> tuple[str, int]:
    """Find the job's run, the oldest if there are several, or create it; tag the others as orphans."""
    found = client.search_runs(
        [experiment_id], filter_string=f"tags.`{JOB_TAG}` = '{wanted.job_id}'", order_by=["attributes.start_time ASC"]
    )
    if not found:
        tags = {JOB_TAG: str(wanted.job_id), MODEL_TAG: wanted.model_id}
        return client.create_run(experiment_id, tags=tags, run_name=str(wanted.job_id)[:8]).info.run_id, 0
    first, *others = found
    for other in others:
        client.set_tag(other.info.run_id, ORPHAN_TAG, "true")
    return first.info.run_id, len(others)


def _log(client: MlflowClient, run_id: str, wanted: Registration) -> None:
    """Log params and metrics; the job's end is their time, so that logging again adds nothing."""
    at = wanted.finished_ms
    metrics = [Metric(name, value, at, 0) for name, value in wanted.metrics.items()]
    metrics += [Metric("auroc_per_tree", value, at, step) for step, value in enumerate(wanted.auroc_per_tree, start=1)]
    params = [Param(name, value) for name, value in wanted.params.items()]
    client.log_batch(run_id, params=params[:100], tags=[RunTag(MODEL_TAG, wanted.model_id)])
    for start in range(0, len(metrics), BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + BATCH])


def _known_version(client: MlflowClient, run_id: str, wanted: Registration) -> str | None:
    """Return the lowest version that was registered for this very job."""
    versions = [
        int(found.version)
        for found in client.search_model_versions(f"name = '{wanted.model}'")
        if found.run_id == run_id and found.tags.get(MODEL_TAG) == wanted.model_id
    ]
    return str(min(versions)) if versions else None


def _register(client: MlflowClient, run_id: str, wanted: Registration, booster: Path) -> str:
    try:
        client.create_registered_model(wanted.model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    with mlflow.start_run(run_id=run_id):
        logged = mlflow.lightgbm.log_model(
            lightgbm.Booster(model_file=str(booster)), name="model", pip_requirements=list(wanted.requirements)
        )
    # The tags come with the version: there is no moment in which it has none.
    tags = {MODEL_TAG: wanted.model_id, JOB_TAG: str(wanted.job_id)}
    version = client.create_model_version(wanted.model, logged.model_uri, run_id, tags=tags, model_id=logged.model_id)
    return str(version.version)


if __name__ == "__main__":
    sys.exit(run_child(project))
