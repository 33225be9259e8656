"""Find the models that MLflow does not show yet, and note where it shows them."""

from asyncpg import Record
from readmit_runtime.database import Pool, transient_errors


class ProjectionStore:
    """The models as the projection sees them; every call is a statement of its own and may raise Transient."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def next_model(self, *, after: Record | None) -> Record | None:
        """Return the oldest model without a version, or the next one after `after`; with its job's row."""
        with transient_errors():
            return await self._pool.fetchrow(
                """
                SELECT m.model_id, m.model, m.job_id, m.feature_version, m.trained_at, j.recipe, j.metrics,
                       j.evidence_key, j.training_set_sha256, j.finished_at
                FROM training.models m JOIN training.jobs j USING (job_id)
                WHERE m.mlflow_version IS NULL
                  AND ($1::timestamptz IS NULL OR (m.trained_at, m.model_id) > ($1, $2))
                ORDER BY m.trained_at, m.model_id
                LIMIT 1
                """,
                after["trained_at"] if after is not None else None,
                after["model_id"] if after is not None else None,
            )

    async def note(self, model_id: str, *, run_id: str, version: str) -> None:
        """Write where MLflow shows the model; the first answer stays."""
        with transient_errors():
            await self._pool.execute(
                """
                UPDATE training.models SET mlflow_run_id = $2, mlflow_version = $3
                WHERE model_id = $1 AND mlflow_version IS NULL
                """,
                model_id,
                run_id,
                version,
            )

    async def has_version(self, model_id: str) -> bool:
        """Tell whether MLflow shows the model."""
        with transient_errors():
            found = await self._pool.fetchval(
                "SELECT mlflow_version IS NOT NULL FROM training.models WHERE model_id = $1", model_id
            )
        return bool(found)
