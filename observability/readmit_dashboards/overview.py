"""The page to look at first."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from readmit_dashboards.parts import THIRD, Panel, Query, Variable, dashboard, figure, graph

_ROWS = "readmit_ingestor_batch_rows"
_OF_JOB = '{job=~"$job"}'


def page() -> Dashboard:
    """Return the page."""
    return dashboard(
        "readmit-overview",
        "readmit: overview",
        "Whether rows flow in, a model serves, and answers go out; the other pages say why not.",
        [("Now", _now()), ("Flow", _flow()), ("Processes", _processes())],
        variables=[Variable("job", "up")],
    )


def _now() -> list[Panel]:
    return [
        figure(
            "Targets down", "Processes that answer no scrape.", "short", Query("count(up) - sum(up)"), bad_from=1,
            runbook="target-down",
        ),
        figure(
            "Alerts firing", "Open alerts of all severities; Prometheus has a page that names them.", "short",
            Query('count(ALERTS{alertstate="firing"}) or vector(0)'), bad_from=1, runbook="README",
        ),
        figure(
            "Rows that arrived", "Published rows of all planned ones; stays below 1 while a run streams.",
            "percentunit",
            Query(f'max({_ROWS}{{count="published"}}) / max({_ROWS}{{count="planned"}})'),
            runbook="run-stalled",
        ),
        figure(
            "Rows in quarantine", "Rows that broke a rule and wait for a person.", "short",
            Query(f'max({_ROWS}{{count="quarantined"}})'), bad_from=1, runbook="rows-quarantined",
        ),
        figure(
            "Champion's epoch", "The epoch that should serve; it rises with each promotion and rollback.", "short",
            Query("max(readmit_trainer_champion_epoch)"), runbook="no-champion",
        ),
        figure(
            "Predictors behind", "Living predictors that do not serve the champion.", "short",
            Query("max(readmit_trainer_unconverged_replicas)"), bad_from=1, runbook="replicas-differ",
        ),
        figure(
            "Champion's AUROC", "Area under the ROC curve on the champion's own validation rows.", "percentunit",
            Query('max(readmit_trainer_model_auroc{role="champion"})'),
        ),
        figure(
            "Oldest unpublished event", "Age of what waits longest in an outbox.", "s",
            Query("max(readmit:outbox_age:seconds)"), bad_from=60, runbook="outbox-stuck",
        ),
    ]  # fmt: skip


def _flow() -> list[Panel]:
    return [
        graph(
            "Rows", "Rows per second by what became of them.", "cps",
            Query("sum by (outcome) (rate(readmit_ingestor_chunk_rows_total[$__rate_interval]))"), span=THIRD,
        ),
        graph(
            "Lag", "Records that wait for each consumer group.", "short",
            Query("sum by (consumergroup) (readmit:consumer_lag:records)"), span=THIRD, runbook="consumer-lag",
        ),
        graph(
            "Requests", "Requests per second by class of status.", "reqps",
            Query("sum by (status) (rate(readmit_predictor_answer_duration_seconds_count[$__rate_interval]))"),
            span=THIRD,
            runbook="predictor-availability",
        ),
    ]  # fmt: skip


def _processes() -> list[Panel]:
    return [
        graph(
            "CPU", "Cores in use.", "short",
            Query(f"sum by (job, instance) (rate(process_cpu_seconds_total{_OF_JOB}[$__rate_interval]))"), span=THIRD,
        ),
        graph(
            "Memory", "Resident memory, shared pages included.", "bytes",
            Query(f"sum by (job, instance) (process_resident_memory_bytes{_OF_JOB})"), span=THIRD,
        ),
        graph(
            "Age", "Since each process started; a fall that nobody made is a crash or its watchdog.", "s",
            Query(f"time() - max by (job, instance) (process_start_time_seconds{_OF_JOB})"), span=THIRD,
            runbook="target-down",
        ),
        graph(
            "Open files", "Open files and sockets, of as many as may be open.", "percentunit",
            Query(
                f"max by (job, instance) (process_open_fds{_OF_JOB})"
                f" / max by (job, instance) (process_max_fds{_OF_JOB})"
            ),
            span=THIRD,
        ),
        graph(
            "Scrapes", "How long a process takes to tell its metrics.", "s",
            Query(f"max by (job, instance) (scrape_duration_seconds{_OF_JOB})"), span=THIRD,
        ),
    ]  # fmt: skip
