"""From the file to clean rows, and every consumer group on the way."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from readmit_dashboards.parts import HALF, THIRD, Panel, Query, Variable, dashboard, graph

_OF_GROUP = '{consumergroup=~"$consumergroup"}'


def page() -> Dashboard:
    """Return the page."""
    return dashboard(
        "readmit-ingest",
        "readmit: ingest and Kafka",
        "What arrives, what becomes of it, and who is behind.",
        [("Ingest", _ingest()), ("Kafka", _kafka()), ("Consumers", _consumers())],
        variables=[Variable("consumergroup", "kafka_consumergroup_members")],
    )


def _ingest() -> list[Panel]:
    return [
        graph(
            "Runs", "Runs by state; planned and streaming ones are open.", "short",
            Query("max by (state) (readmit_ingestor_known_runs)"), span=THIRD, runbook="run-stalled",
        ),
        graph(
            "Batches", "Batches of the store by state.", "short",
            Query("max by (state) (readmit_ingestor_known_batches)"), span=THIRD, runbook="batch-failed",
        ),
        graph(
            "Rows", "Rows of those batches: planned, published, and what became of them.", "short",
            Query("max by (count) (readmit_ingestor_batch_rows)"), span=THIRD, runbook="rows-quarantined",
        ),
        graph(
            "Sent", "Rows per second that Kafka confirmed to the batch producer.", "cps",
            Query("sum by (split) (rate(readmit_batch_producer_sent_rows_total[$__rate_interval]))"), span=THIRD,
        ),
        graph(
            "Stored", "Rows per second by what became of them.", "cps",
            Query("sum by (outcome) (rate(readmit_ingestor_chunk_rows_total[$__rate_interval]))"), span=THIRD,
        ),
        graph(
            "Chunks", "Chunks per second by outcome; repeated have no effect, parked are dead letters.", "cps",
            Query("sum by (outcome) (rate(readmit_ingestor_received_chunks_total[$__rate_interval]))"), span=THIRD,
            runbook="dead-letters",
        ),
        graph(
            "Transactions", "Mean time of a storing or cleaning transaction, within an hour.", "s",
            Query(
                "sum by (work) (rate(readmit_ingestor_transaction_duration_seconds_sum[1h]))"
                " / sum by (work) (rate(readmit_ingestor_transaction_duration_seconds_count[1h]))"
            ),
        ),
        graph(
            "Outboxes", "Age of the oldest event that is not published.", "s", Query("readmit:outbox_age:seconds"),
            span=HALF, runbook="outbox-stuck",
        ),
    ]  # fmt: skip


def _kafka() -> list[Panel]:
    return [
        graph(
            "Lag in messages", "Records that a group has not committed, by topic.", "short",
            Query(f"max by (consumergroup, topic) (kafka_consumergroup_lag_sum{_OF_GROUP})"), runbook="consumer-lag",
        ),
        graph(
            "Lag in seconds", "Age of the oldest record that a group has not committed.", "s",
            Query(f"max by (consumergroup) (readmit_lag_exporter_oldest_waiting_age_seconds{_OF_GROUP})"),
            runbook="consumer-lag",
        ),
        graph(
            "Members", "Members of each group; none while records wait: nobody reads.", "short",
            Query(f"max by (consumergroup) (kafka_consumergroup_members{_OF_GROUP})"), span=THIRD,
            runbook="consumer-lag",
        ),
        graph(
            "Written", "Records per second by topic.", "cps",
            Query(_summed('rate(kafka_topic_partition_current_offset{topic!~".+[.]dlq"}[$__rate_interval])')),
            span=THIRD,
        ),
        graph(
            "Dead letters", "Messages ever set aside, by topic; a step is a new one.", "short",
            Query("readmit:dead_letters:count"), span=THIRD, runbook="dead-letters",
        ),
    ]  # fmt: skip


def _summed(of_partitions: str) -> str:
    """Add up what is told of partitions, once however many lag exporters tell it."""
    return f"sum by (topic) (max by (topic, partition) ({of_partitions}))"


def _consumers() -> list[Panel]:
    return [
        graph(
            "Standstill", "How long records wait without a commit; at its limit the watchdog ends the process.", "s",
            Query('max by (job, consumer) ({__name__=~"readmit_.+_consumer_standstill_seconds"})'),
            runbook="consumer-lag",
        ),
        graph(
            "Failures in a row", "Above 0 a dependency is away; the log names it.", "short",
            Query('max by (job, consumer) ({__name__=~"readmit_.+_consumer_failures"})'), runbook="consumer-lag",
        ),
        graph(
            "Rebalances", "How often the groups were shared out anew; a steady rise: members come and go.", "short",
            Query('sum by (job, consumer) ({__name__=~"readmit_.+_consumer_rebalances_total"})'),
        ),
        graph(
            "Age of a record when its effect is there", "Mean within an hour; nothing where none came.", "s",
            Query(
                "sum by (consumer) (rate(readmit_ingestor_record_age_seconds_sum[1h]))"
                " / sum by (consumer) (rate(readmit_ingestor_record_age_seconds_count[1h]))"
            ),
        ),
    ]  # fmt: skip
