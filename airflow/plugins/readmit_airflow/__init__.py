"""What readmit adds to Airflow: publish a command to Kafka, wait for its effect, start a DAG by an event."""
