"""Name what may be done to the system during a run; `readmit_load.scenarios` does it."""

SCENARIOS = (
    "promotion",
    "rollback",
    "replica-kill",
    "broker-restart",
    "s3-outage",
    "postgres-outage",
    "ingestion",
)
