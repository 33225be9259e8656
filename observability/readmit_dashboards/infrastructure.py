"""What the services stand on: the machine, the broker, Postgres, the object store; and what shows and schedules."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from readmit_dashboards.parts import THIRD, Panel, Query, Variable, dashboard, graph

_INSTANCE = 'instance=~"$instance"'
_OF_TOPIC = '{topic=~"$topic"}'
_OF_DATABASE = '{datname=~"$datname"}'
_TRAFFIC = "kafka_server_brokertopicmetrics_bytes"


def page() -> Dashboard:
    """Return the page."""
    return dashboard(
        "readmit-infrastructure",
        "readmit: infrastructure",
        "Whether what the services stand on is busy, full or broken.",
        [
            ("Machine", _machine()),
            ("Broker", _broker()),
            ("Postgres", _postgres()),
            ("Object store", _object_store()),
            ("MLflow", _mlflow()),
            ("Airflow", _airflow()),
        ],
        variables=[
            Variable("instance", "node_load1"),
            Variable("topic", "kafka_log_log_size"),
            Variable("datname", "pg_database_size_bytes"),
        ],
    )


def _machine() -> list[Panel]:
    disk_bytes = ("read", "written")
    return [
        graph(
            "CPU", "Share of all cores, by what they do; the rest is idle.", "percentunit",
            Query(f'avg by (mode) (rate(node_cpu_seconds_total{{mode!="idle", {_INSTANCE}}}[$__rate_interval]))'),
            span=THIRD, stacked=True, runbook="predictor-latency",
        ),
        graph(
            "Load", "Processes that run or want to, over a minute, beside the number of cores.", "short",
            Query(f"max by (instance) (node_load1{{{_INSTANCE}}})", "load of {{instance}}"),
            Query(f'count by (instance) (node_cpu_seconds_total{{mode="idle", {_INSTANCE}}})', "cores of {{instance}}"),
            span=THIRD, runbook="predictor-latency",
        ),
        graph(
            "Memory", "Share in use; what the system could give back at once counts as free.", "percentunit",
            Query(
                f"1 - max by (instance) (node_memory_MemAvailable_bytes{{{_INSTANCE}}})"
                f" / max by (instance) (node_memory_MemTotal_bytes{{{_INSTANCE}}})"
            ),
            span=THIRD,
        ),
        graph(
            "Disk left", "Space that a program may still fill.", "bytes",
            Query(f"min by (instance, device) (node_filesystem_avail_bytes{{{_INSTANCE}}})"), span=THIRD,
            runbook="disk-full",
        ),
        graph(
            "Disk traffic", "Bytes per second, all disks.", "Bps",
            *(
                Query(f"sum(rate(node_disk_{what}_bytes_total{{{_INSTANCE}}}[$__rate_interval]))", what)
                for what in disk_bytes
            ),
            span=THIRD,
        ),
        graph(
            "Disk busy", "Share of the time in which a disk has work; near 1, whoever writes waits.", "percentunit",
            Query(f"max by (device) (rate(node_disk_io_time_seconds_total{{{_INSTANCE}}}[$__rate_interval]))"),
            span=THIRD,
        ),
    ]  # fmt: skip


def _broker() -> list[Panel]:
    return [
        graph(
            "Partitions in trouble", "Offline, nothing is read or written; with too few copies one can be lost.",
            "short",
            Query("max(kafka_controller_kafkacontroller_offlinepartitionscount)", "offline"),
            Query("sum(kafka_server_replicamanager_underreplicatedpartitions)", "under-replicated"),
            span=THIRD, runbook="target-down",
        ),
        graph(
            "Request handlers idle", "Share of the last minute, the busiest broker; below 0.3 it is the bottleneck.",
            "percentunit",
            Query("min(kafka_server_kafkarequesthandlerpool_brokerrequesthandleravgidle_percent)", "idle"), span=THIRD,
            runbook="consumer-lag",
        ),
        graph(
            "Produce requests", "From the request to its answer, the wait for copies included.", "ms",
            Query('max by (quantile) (kafka_network_requestmetrics_totaltimems{request="Produce"})'), span=THIRD,
        ),
        graph(
            "Bytes in", "What producers send, per second by topic.", "Bps",
            Query(f"sum by (topic) (rate({_TRAFFIC}in_total{_OF_TOPIC}[$__rate_interval]))"), span=THIRD, stacked=True,
        ),
        graph(
            "Bytes out", "What consumers fetch, per second by topic.", "Bps",
            Query(f"sum by (topic) (rate({_TRAFFIC}out_total{_OF_TOPIC}[$__rate_interval]))"), span=THIRD, stacked=True,
        ),
        graph(
            "Log", "What the broker keeps on its disk, by topic.", "bytes",
            Query(f"sum by (topic) (kafka_log_log_size{_OF_TOPIC})"), span=THIRD, stacked=True, runbook="disk-full",
        ),
    ]  # fmt: skip


def _postgres() -> list[Panel]:
    hits = f"sum(rate(pg_stat_database_blks_hit{_OF_DATABASE}[$__rate_interval]))"
    reads = f"sum(rate(pg_stat_database_blks_read{_OF_DATABASE}[$__rate_interval]))"
    return [
        graph(
            "Connections", "By state, beside how many there may be; at the limit nobody else gets in.", "short",
            Query(f"sum by (state) (pg_stat_activity_count{_OF_DATABASE})"),
            Query("max(pg_settings_max_connections)", "limit"), span=THIRD,
        ),
        graph(
            "Transactions", "Per second by their end; services roll back when they lose a race or a dependency.", "cps",
            Query(f"sum(rate(pg_stat_database_xact_commit{_OF_DATABASE}[$__rate_interval]))", "commit"),
            Query(f"sum(rate(pg_stat_database_xact_rollback{_OF_DATABASE}[$__rate_interval]))", "rollback"), span=THIRD,
        ),
        graph(
            "Deadlocks", "Transactions ended because two waited for each other; each is tried again.", "short",
            Query(f"sum by (datname) (increase(pg_stat_database_deadlocks{_OF_DATABASE}[$__rate_interval]))"),
            span=THIRD,
        ),
        graph(
            "Cache", "Share of the blocks that were found in Postgres' own memory.", "percentunit",
            Query(f"{hits} / ({hits} + {reads})", "hits"), span=THIRD,
        ),
        graph(
            "Databases", "Size on the disk.", "bytes",
            Query(f"max by (datname) (pg_database_size_bytes{_OF_DATABASE})"), span=THIRD, stacked=True,
            runbook="disk-full",
        ),
        graph(
            "Write-ahead log", "Size on the disk; above max_wal_size, checkpoints do not keep up.", "bytes",
            Query("max(postgres_wal_bytes)", "log"), span=THIRD, runbook="disk-full",
        ),
    ]  # fmt: skip


def _object_store() -> list[Panel]:
    requests = "minio_s3_requests_total[$__rate_interval]"
    return [
        graph(
            "Requests", "Per second by what is asked.", "reqps", Query(f"sum by (api) (rate({requests}))"), span=THIRD,
        ),
        graph(
            "Errors", "Per second; a model that is looked for and not there is one too.", "reqps",
            Query(
                f"sum(rate(minio_s3_requests_errors_total[$__rate_interval])) or 0 * sum(rate({requests}))", "errors"
            ),
            span=THIRD,
        ),
        graph(
            "Traffic", "Bytes per second.", "Bps",
            Query("sum(rate(minio_s3_traffic_received_bytes[$__rate_interval]))", "received"),
            Query("sum(rate(minio_s3_traffic_sent_bytes[$__rate_interval]))", "sent"), span=THIRD,
        ),
        graph(
            "Stored", "Bytes of all objects; MinIO counts them anew every few minutes.", "bytes",
            Query("max(minio_cluster_usage_total_bytes)", "objects"), span=THIRD, runbook="disk-full",
        ),
    ]  # fmt: skip


def _mlflow() -> list[Panel]:
    buckets = "sum by (le) (rate(mlflow_http_request_duration_seconds_bucket[$__rate_interval]))"
    return [
        graph(
            "MLflow's requests", "Per second by the status of the answer; the trainer looks twice a minute.",
            "reqps", Query("sum by (status) (rate(mlflow_http_request_total[$__rate_interval]))"), span=THIRD,
            runbook="target-down",
        ),
        graph(
            "MLflow's answers", "How long they take.", "s",
            Query(f"histogram_quantile(0.5, {buckets})", "half of them"),
            Query(f"histogram_quantile(0.95, {buckets})", "95 of 100"),
            span=THIRD,
        ),
    ]  # fmt: skip


def _airflow() -> list[Panel]:
    runs = "sum by (dag_id, state) (airflow_dag_run_duration_seconds_{part})"
    tasks = "sum by (dag_id) (airflow_task_duration_seconds_{part})"
    return [
        graph(
            "Scheduler's heartbeats", "Per second; without them no task starts.", "cps",
            Query("sum(rate(airflow_scheduler_heartbeats_total[$__rate_interval]))", "heartbeats"), span=THIRD,
            runbook="airflow-scheduler",
        ),
        graph(
            "Tasks", "Queued and running, beside open slots; deferred ones wait for an effect.", "short",
            Query("sum by (status) (airflow_executor_slots)"),
            Query('sum(airflow_pool_slots{state="deferred"})', "deferred"), span=THIRD,
        ),
        graph(
            "Task failures", "Since the exporter began, retries included; the task's log has the reason.", "short",
            Query('sum by (dag_id, task_id) (airflow_task_ends_total{state=~"failed|up_for_retry"})'), span=THIRD,
        ),
        graph(
            "Runs of DAGs", "How long they took on average since the exporter began, by their end.", "s",
            Query(f"{runs.format(part='sum')} / {runs.format(part='count')}"), span=THIRD,
        ),
        graph(
            "Tasks of DAGs", "How long one took on average since the exporter began.", "s",
            Query(f"{tasks.format(part='sum')} / {tasks.format(part='count')}"), span=THIRD,
        ),
        graph(
            "Import errors", "Files of DAGs that cannot be read; theirs are missing from the list.", "short",
            Query("max(airflow_dag_import_errors)", "files"), span=THIRD,
        ),
    ]  # fmt: skip
