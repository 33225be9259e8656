"""Keep what this side did to MLflow's alias, and read what the decision about it rests on."""

from uuid import UUID

from readmit_runtime import outbox
from readmit_runtime.database import Connection, Pool, transient_errors
from readmit_runtime.messages import OutgoingRecord

from trainer.alias.decision import AliasView, Asked, Champion
from trainer.announcements import SCHEMA
from trainer.asking.store import CONSUMER


class AliasStore:
    """One row per model name; every call is a transaction of its own and may raise Transient."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def names(self) -> list[str]:
        """Return the model names under which something was trained."""
        with transient_errors():
            rows = await self._pool.fetch("SELECT DISTINCT model FROM training.models ORDER BY model")
        return [row["model"] for row in rows]

    async def view(self, model: str, *, current: str | None, tagged: str | None) -> AliasView:
        """Return the view of one name; `tagged` is the model id that the current version carries."""
        with transient_errors():
            async with self._pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
                return await _view(connection, model, current, tagged)

    async def about_to_write(self, model: str, version: str) -> None:
        """Note the version before it is written, so that it is known for ours whatever happens next."""
        await self._set(model, "pending = $2", version)

    async def wrote(self, model: str, version: str | None) -> None:
        """Note that the alias names this version; questions are settled."""
        await self._set(model, "written = $2, pending = NULL, asked = NULL, asked_command_id = NULL", version)

    async def ask(self, model: str, version: str, command_id: UUID, record: OutgoingRecord) -> None:
        """Note what a person wants and let the command be published; the same command is published once."""
        with transient_errors():
            async with self._pool.acquire() as connection, connection.transaction():
                await _ensure(connection, model)
                await connection.execute(
                    """
                    UPDATE training.alias_projection SET asked = $2, asked_command_id = $3, changed_at = now()
                    WHERE model = $1
                    """,
                    model,
                    version,
                    command_id,
                )
                await outbox.add(connection, SCHEMA, [(command_id, record)])

    async def _set(self, model: str, assignments: str, version: str | None) -> None:
        with transient_errors():
            async with self._pool.acquire() as connection, connection.transaction():
                await _ensure(connection, model)
                await connection.execute(
                    f"UPDATE training.alias_projection SET {assignments}, changed_at = now() WHERE model = $1",  # noqa: S608 - literals of this module
                    model,
                    version,
                )


async def _ensure(connection: Connection, model: str) -> None:
    await connection.execute("INSERT INTO training.alias_projection (model) VALUES ($1) ON CONFLICT DO NOTHING", model)


async def _view(connection: Connection, model: str, current: str | None, tagged: str | None) -> AliasView:
    row = await connection.fetchrow(
        """
        SELECT c.epoch, c.model_id, m.mlflow_version, a.written, a.pending, a.asked, a.asked_command_id,
               a.changed_at, i.outcome, i.detail,
               (SELECT j.model_id FROM training.jobs j
                WHERE j.model = $1 AND j.model_id = $2 AND j.state = 'done' LIMIT 1) AS known,
               (SELECT max(p.epoch) FROM training.promotions p WHERE p.model = $1 AND p.model_id = $2) AS known_epoch
        FROM (SELECT $1::text AS model) n
        LEFT JOIN training.champions c ON c.model = n.model
        LEFT JOIN training.models m ON m.model_id = c.model_id
        LEFT JOIN training.alias_projection a ON a.model = n.model
        LEFT JOIN training.inbox i ON i.consumer = $3 AND i.command_id = a.asked_command_id
        """,
        model,
        tagged,
        CONSUMER,
    )
    if row is None:
        raise LookupError("a query of one row gave none")
    champion = None
    if row["epoch"] is not None:
        champion = Champion(epoch=row["epoch"], model_id=row["model_id"], version=row["mlflow_version"])
    asked = None
    if row["asked"] is not None:
        asked = Asked(
            version=row["asked"], command_id=row["asked_command_id"], outcome=row["outcome"], detail=row["detail"]
        )
    return AliasView(
        model=model,
        current=current,
        current_model_id=row["known"],
        current_epoch=row["known_epoch"],
        champion=champion,
        written=row["written"],
        pending=row["pending"],
        asked=asked,
        changed=row["changed_at"].isoformat() if row["changed_at"] is not None else "",
    )
