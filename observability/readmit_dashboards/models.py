"""From a completed run to the model that serves."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from readmit_dashboards.parts import THIRD, Panel, Query, Variable, dashboard, figure, graph

_OF_MODEL = '{model=~"$model"}'


def page() -> Dashboard:
    """Return the page."""
    return dashboard(
        "readmit-models",
        "readmit: training and models",
        "Jobs, the gate, the champion, and who serves it.",
        [("Champion", _champion()), ("Training", _training()), ("Replicas", _replicas())],
        variables=[Variable("model", "readmit_trainer_champion_epoch")],
    )


def _champion() -> list[Panel]:
    return [
        figure(
            "Epoch", "The champion's epoch, from the table that decides.", "short",
            Query(f"max by (model) (readmit_trainer_champion_epoch{_OF_MODEL})"), runbook="no-champion",
        ),
        figure(
            "Age", "Since the champion was promoted.", "s",
            Query(f"max by (model) (readmit_trainer_champion_age_seconds{_OF_MODEL})"), bad_from=30 * 86_400,
            runbook="champion-stale",
        ),
        figure(
            "Living predictors", "Predictors that reported within 15 s.", "short",
            Query(f"sum by (model) (max by (model, epoch) (readmit_trainer_living_replicas{_OF_MODEL}))"),
            runbook="replicas-differ",
        ),
        figure(
            "Behind", "Living predictors that do not serve the champion.", "short",
            Query(f"max by (model) (readmit_trainer_unconverged_replicas{_OF_MODEL})"), bad_from=1,
            runbook="replicas-differ",
        ),
    ]  # fmt: skip


def _training() -> list[Panel]:
    return [
        graph(
            "Jobs", "Jobs by state.", "short", Query("max by (state) (readmit_trainer_known_jobs)"), span=THIRD,
            runbook="training-failed",
        ),
        graph(
            "Time of a job", "Mean time of each stage, of the jobs of a day.", "s",
            Query(
                "sum by (stage) (rate(readmit_trainer_job_stage_seconds_sum[1d]))"
                " / sum by (stage) (rate(readmit_trainer_job_stage_seconds_count[1d]))"
            ),
            span=THIRD,
        ),
        graph(
            "Rows trained on", "Rows of the training set, by split, of the champion and of the newest model.", "short",
            Query(f"max by (role, split) (readmit_trainer_model_rows{_OF_MODEL})"), span=THIRD,
        ),
        graph(
            "Wishes for a champion", "By what became of them since the process began; a refusal is a normal outcome.",
            "short", Query("sum by (outcome) (readmit_trainer_ended_wishes_total)"), span=THIRD,
        ),
        graph(
            "The gate", "Its decisions by result, since the process began.", "short",
            Query("sum by (result) (readmit_trainer_gate_decisions_total)"), span=THIRD,
        ),
        graph(
            "MLflow", "Models written to MLflow by outcome, and what was done about the champion alias.", "short",
            Query("sum by (outcome) (readmit_trainer_mlflow_models_total)", "models {{outcome}}"),
            Query("sum by (move) (readmit_trainer_alias_moves_total)", "alias {{move}}"), span=THIRD,
        ),
    ]  # fmt: skip


def _replicas() -> list[Panel]:
    return [
        graph(
            "Who serves what", "Living predictors by the epoch that they serve.", "short",
            Query(f"max by (model, epoch) (readmit_trainer_living_replicas{_OF_MODEL})", "epoch {{epoch}}"), span=THIRD,
            stacked=True, runbook="replicas-differ",
        ),
        graph(
            "Served and wanted", "The epoch that each predictor serves, and the newest that it knows.", "short",
            Query("max by (instance) (readmit_predictor_served_epoch)", "{{instance}} serves"),
            Query("max by (instance) (readmit_predictor_wanted_epoch)", "{{instance}} wants"), span=THIRD,
            runbook="replicas-differ",
        ),
        graph(
            "Time of a load", "Mean time from reading a promotion to the swap, of those of a day.", "s",
            Query(
                "sum by (instance) (rate(readmit_predictor_load_duration_seconds_sum[1d]))"
                " / sum by (instance) (rate(readmit_predictor_load_duration_seconds_count[1d]))"
            ),
            span=THIRD,
        ),
    ]  # fmt: skip
