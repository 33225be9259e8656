"""Keep the last report of each replica, by the broker's time."""

from collections.abc import Sequence
from datetime import UTC, datetime

from readmit_contracts.events import ModelLoaded, ModelLoadFailed, ReplicaReported
from readmit_runtime.database import Connection

KEPT = "1 day"

News = ReplicaReported | ModelLoaded | ModelLoadFailed
"""What a replica says of itself."""

_REPORTED = """
    INSERT INTO training.replicas AS r
        (replica, model, status, epoch, lineage, model_id, feature_versions, reported_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (replica) DO UPDATE SET
        model = excluded.model, status = excluded.status, epoch = excluded.epoch, lineage = excluded.lineage,
        model_id = excluded.model_id, feature_versions = excluded.feature_versions, reported_at = excluded.reported_at
    WHERE r.reported_at <= excluded.reported_at
"""
# These two say nothing of the feature versions, so a replica that never reported waits for its first report.
_LOADED = """
    UPDATE training.replicas SET epoch = $2, lineage = $3, model_id = $4, load_failure = NULL, reported_at = $5
    WHERE replica = $1 AND reported_at <= $5
"""
_FAILED = "UPDATE training.replicas SET load_failure = $2, reported_at = $3 WHERE replica = $1 AND reported_at <= $3"


async def keep(connection: Connection, news: Sequence[tuple[News, int]]) -> None:
    """Write news in their order, each with the broker's time in milliseconds; what is older than known changes nothing.

    Replicas that were silent for a day are forgotten.
    """
    for message, timestamp_ms in news:
        moment = datetime.fromtimestamp(timestamp_ms / 1000, tz=UTC)
        if isinstance(message, ReplicaReported):
            await connection.execute(
                _REPORTED,
                message.replica,
                message.model,
                message.status,
                message.epoch,
                message.lineage,
                message.model_id,
                list(message.feature_versions),
                moment,
            )
        elif isinstance(message, ModelLoaded):
            await connection.execute(_LOADED, message.replica, message.epoch, message.lineage, message.model_id, moment)
        else:
            await connection.execute(_FAILED, message.replica, f"epoch {message.epoch}: {message.reason}", moment)
    await connection.execute(f"DELETE FROM training.replicas WHERE reported_at < now() - interval '{KEPT}'")  # noqa: S608 - a constant
