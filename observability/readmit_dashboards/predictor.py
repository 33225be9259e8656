"""Rate, errors, duration, and what is left of the error budgets."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from readmit_dashboards.parts import THIRD, Panel, Query, Variable, dashboard, figure, graph

_OF_INSTANCE = 'instance=~"$instance"'
_PREDICT = f'path="/v1/predict", {_OF_INSTANCE}'
_ANSWER = "readmit_predictor_answer_duration_seconds"
_INFERENCE = "readmit_predictor_inference_duration_seconds"


def page() -> Dashboard:
    """Return the page."""
    return dashboard(
        "readmit-predictor",
        "readmit: predictor",
        "Requests, errors and times, and how fast the error budgets burn.",
        [("Objectives", _objectives()), ("Requests", _requests()), ("Record of predictions", _log())],
        variables=[Variable("instance", "readmit_predictor_served_epoch")],
    )


def _objectives() -> list[Panel]:
    return [
        figure(
            "Availability burn, 1 h", "1 uses the budget of 30 days (0.1 % of the requests) up in 30 days.", "short",
            Query("readmit:predictor_unavailable:ratio_rate1h / 0.001"), bad_from=1, runbook="predictor-availability",
        ),
        figure(
            "Availability budget left, 3 days", "Of what three days may use; below 0, more was used.", "percentunit",
            Query("1 - readmit:predictor_unavailable:ratio_rate3d / 0.001"), runbook="predictor-availability",
        ),
        figure(
            "Latency burn, 1 h", "1 uses the budget of 30 days (1 % above 50 ms) up in 30 days.", "short",
            Query("readmit:predictor_slow:ratio_rate1h / 0.01"), bad_from=1, runbook="predictor-latency",
        ),
        figure(
            "Latency budget left, 3 days", "Of what three days may use; below 0, more was used.", "percentunit",
            Query("1 - readmit:predictor_slow:ratio_rate3d / 0.01"), runbook="predictor-latency",
        ),
        graph(
            "Availability burn", "Over 5 minutes, 1 hour and 6 hours; 14.4 over an hour wakes somebody.", "short",
            Query("readmit:predictor_unavailable:ratio_rate5m / 0.001", "5 min"),
            Query("readmit:predictor_unavailable:ratio_rate1h / 0.001", "1 h"),
            Query("readmit:predictor_unavailable:ratio_rate6h / 0.001", "6 h"), runbook="predictor-availability",
        ),
        graph(
            "Latency burn", "Over 5 minutes, 1 hour and 6 hours; 14.4 over an hour wakes somebody.", "short",
            Query("readmit:predictor_slow:ratio_rate5m / 0.01", "5 min"),
            Query("readmit:predictor_slow:ratio_rate1h / 0.01", "1 h"),
            Query("readmit:predictor_slow:ratio_rate6h / 0.01", "6 h"), runbook="predictor-latency",
        ),
    ]  # fmt: skip


def _requests() -> list[Panel]:
    counted = f"readmit_predictor_answer_duration_seconds_count{{{_OF_INSTANCE}}}"
    return [
        graph(
            "Rate", "Requests per second by path and class of status.", "reqps",
            Query(f"sum by (path, status) (rate({counted}[$__rate_interval]))"), span=THIRD,
        ),
        graph(
            "Errors", "Share of 5xx among good and failed answers under /v1/, over 5 minutes.", "percentunit",
            Query("readmit:predictor_unavailable:ratio_rate5m", "5xx"), span=THIRD, runbook="predictor-availability",
        ),
        graph(
            "Duration of /v1/predict", "From a request's headers to the end of its answer.", "s",
            *(
                Query(
                    f"histogram_quantile({share},"
                    f" sum by (le) (rate({_ANSWER}_bucket{{{_PREDICT}}}[$__rate_interval])))",
                    f"p{share * 100:.0f}",
                )
                for share in (0.5, 0.95, 0.99)
            ),
            span=THIRD, runbook="predictor-latency",
        ),
        graph(
            "What of it is the model", "Mean of an answer, and of encoding and scoring within it.", "s",
            Query(
                f"sum(rate({_ANSWER}_sum{{{_PREDICT}}}[$__rate_interval]))"
                f" / sum(rate({_ANSWER}_count{{{_PREDICT}}}[$__rate_interval]))",
                "answer",
            ),
            Query(
                f"sum(rate({_INFERENCE}_sum{{{_OF_INSTANCE}}}[$__rate_interval]))"
                f" / sum(rate({_INFERENCE}_count{{{_OF_INSTANCE}}}[$__rate_interval]))",
                "inference",
            ),
            span=THIRD,
        ),
        graph(
            "Epoch", "Which promotion each predictor answers by.", "short",
            Query(f"max by (instance) (readmit_predictor_served_epoch{{{_OF_INSTANCE}}})"), span=THIRD,
            runbook="replicas-differ",
        ),
        graph(
            "Unconfirmed", "1 while a model of the cache answers that no promotion read since names.", "short",
            Query(f"max by (instance) (readmit_predictor_unconfirmed_models{{{_OF_INSTANCE}}})"), span=THIRD,
        ),
    ]  # fmt: skip


def _log() -> list[Panel]:
    return [
        graph(
            "Spool", "Answered predictions that Kafka has not confirmed.", "bytes",
            Query(f"sum by (instance) (readmit_predictor_spooled_bytes{{{_OF_INSTANCE}}})"), span=THIRD,
            runbook="predictions-not-logged",
        ),
        graph(
            "Shipped", "Answered predictions per second that Kafka confirmed.", "cps",
            Query(
                "sum by (instance)"
                f" (rate(readmit_predictor_shipped_records_total{{{_OF_INSTANCE}}}[$__rate_interval]))"
            ),
            span=THIRD,
        ),
        graph(
            "Stored", "Answered predictions per second that were written to Postgres.", "cps",
            Query("sum(rate(readmit_ingestor_stored_predictions_total[$__rate_interval]))", "stored"), span=THIRD,
        ),
    ]  # fmt: skip
