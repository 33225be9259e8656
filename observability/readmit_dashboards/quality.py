"""Whether the model is good, and whether what it is asked has changed."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from readmit_dashboards.parts import THIRD, Panel, Query, Variable, dashboard, figure, graph, spread

_OF_MODEL = 'model=~"$model"'
_GIVEN = "readmit_predictor_given_probability"


def page() -> Dashboard:
    """Return the page."""
    return dashboard(
        "readmit-quality",
        "readmit: model quality",
        "Validation of the champion and the newest model, and the probabilities that go out.",
        [("Validation", _validation()), ("Answers", _answers())],
        variables=[Variable("model", "readmit_trainer_model_auroc")],
    )


def _validation() -> list[Panel]:
    return [
        figure(
            "Champion's AUROC", "Area under the ROC curve on the champion's own validation rows.", "percentunit",
            Query(f'max(readmit_trainer_model_auroc{{role="champion", {_OF_MODEL}}})'),
        ),
        figure(
            "Newest model's AUROC", "The same of the newest model, which may have been refused.", "percentunit",
            Query(f'max(readmit_trainer_model_auroc{{role="newest", {_OF_MODEL}}})'),
        ),
        figure(
            "Rows judged on", "Rows of the champion's validation split.", "short",
            Query(f'max(readmit_trainer_model_rows{{role="champion", split="validation", {_OF_MODEL}}})'),
        ),
        figure(
            "Champion's age", "Since it was promoted.", "s",
            Query(f"max(readmit_trainer_champion_age_seconds{{{_OF_MODEL}}})"), runbook="champion-stale",
        ),
        graph(
            "AUROC", "Of the champion and the newest model; a step comes with another model.", "percentunit",
            Query(f"max by (model, role) (readmit_trainer_model_auroc{{{_OF_MODEL}}})"), span=24,
        ),
    ]  # fmt: skip


def _answers() -> list[Panel]:
    return [
        spread(
            "Probabilities", "How the probabilities given are spread; it moves with another model or other patients.",
            "percentunit", Query(f"sum by (le) (increase({_GIVEN}_bucket[$__rate_interval]))", "{{le}}"),
        ),
        graph(
            "Quantiles", "Of the probabilities given within an hour.", "percentunit",
            *(
                Query(f"histogram_quantile({share}, sum by (le) (rate({_GIVEN}_bucket[1h])))", f"p{share * 100:.0f}")
                for share in (0.1, 0.5, 0.9)
            ),
        ),
        graph(
            "Share of high risk", "Of the predictions within an hour: the work that the model makes.", "percentunit",
            Query(f'sum(rate({_GIVEN}_count{{decision="high_risk"}}[1h])) / sum(rate({_GIVEN}_count[1h]))', "high"),
            span=THIRD,
        ),
        graph(
            "Mean probability", "Within an hour; far from the share of readmitted patients, the calibration is off.",
            "percentunit", Query(f"sum(rate({_GIVEN}_sum[1h])) / sum(rate({_GIVEN}_count[1h]))", "mean"), span=THIRD,
        ),
        graph(
            "Predictions", "Predictions per second by decision.", "cps",
            Query(f"sum by (decision) (rate({_GIVEN}_count[$__rate_interval]))"), span=THIRD,
        ),
    ]  # fmt: skip
