"""A load test while it goes on, and what the system does under it."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from readmit_dashboards.parts import HALF, THIRD, Panel, Query, Variable, dashboard, figure, graph

_OF_ENDPOINT = '{endpoint=~"$endpoint"}'


def page() -> Dashboard:
    """Return the page."""
    return dashboard(
        "readmit-loadtest",
        "readmit: load test",
        "What the users of a load test see, beside what the predictors measure. Empty while none goes on.",
        [("Users", _users()), ("Answers", _answers()), ("The machine", _machine())],
        variables=[Variable("endpoint", "readmit_loadtest_requests_total")],
    )


def _users() -> list[Panel]:
    return [
        figure("Users", "Users there are now, of all kinds.", "short", Query("sum(readmit_loadtest_users)")),
        figure(
            "Rate", "Requests a second that end.", "reqps",
            Query("sum(rate(readmit_loadtest_requests_total[$__rate_interval]))"),
        ),
        figure(
            "Failed", "Requests that failed since it is measured.", "short",
            Query("sum(readmit_loadtest_failures_total)"), bad_from=1, runbook="predictor-availability",
        ),
        figure(
            "Second replica", "Requests sent once more, to another replica, because the first was gone.", "short",
            Query("sum(readmit_loadtest_failovers_total)"),
        ),
    ]  # fmt: skip


def _answers() -> list[Panel]:
    return [
        graph(
            "Times as the users see them", "Median, 95th and 99th percentile of predictions since it is measured.", "s",
            Query(
                'max by (quantile) (readmit_loadtest_response_time_seconds{endpoint="POST /v1/predict"})',
                "quantile {{quantile}}",
            ),
            span=HALF, runbook="predictor-latency",
        ),
        graph(
            "The same as the predictors measure it", "99th percentile of the last minute; the rest is the way and the "
            "queue before it, the generator's included.", "s",
            Query(
                "histogram_quantile(0.99, sum by (le)"
                ' (rate(readmit_predictor_answer_duration_seconds_bucket{path="/v1/predict"}[1m])))'
            ),
            span=HALF, runbook="predictor-latency",
        ),
        graph(
            "Requests", "Requests a second, by endpoint.", "reqps",
            Query(f"sum by (endpoint) (rate(readmit_loadtest_requests_total{_OF_ENDPOINT}[$__rate_interval]))"),
            span=HALF,
        ),
        graph(
            "99th percentile", "Of each endpoint, since it is measured.", "s",
            Query(
                'max by (endpoint) (readmit_loadtest_response_time_seconds{endpoint=~"$endpoint", quantile="0.99"})'
            ),
            span=HALF,
        ),
    ]  # fmt: skip


def _machine() -> list[Panel]:
    return [
        graph(
            "CPU of the generator", "Of a core, by process: from .9 on a run is void.", "percentunit",
            Query("sum by (process) (rate(readmit_loadtest_generator_cpu_seconds_total[$__rate_interval]))"),
            span=THIRD,
        ),
        graph(
            "CPU of the predictors", "Of a core, by process.", "percentunit",
            Query('sum by (instance) (rate(process_cpu_seconds_total{job="predictor"}[$__rate_interval]))'), span=THIRD,
        ),
        graph(
            "Users", "By what they do.", "short", Query("sum by (user) (readmit_loadtest_users)"), span=THIRD,
            stacked=True,
        ),
    ]  # fmt: skip
