"""Take what is asked of the trainer: write rows and commit; the work is done elsewhere."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from readmit_contracts.batches import BatchRef
from readmit_contracts.commands import CancelTraining, PromoteModel, RollbackModel, TrainModel
from readmit_contracts.envelope import Envelope
from readmit_contracts.events import IngestionCompleted, StoreReset
from readmit_contracts.fields import DEFAULT_MODEL, Message
from readmit_contracts.reasons import Reason
from readmit_runtime import outbox
from readmit_runtime.commands import Act, Outcome
from readmit_runtime.database import Connection
from readmit_runtime.errors import Rejected

from trainer import announcements, job_identity
from trainer.announcements import SCHEMA
from trainer.asking import store
from trainer.asking.store import AskedJob, AskedWish
from trainer.recipe import Recipe

INGESTION = "ingestion"
OPERATOR = "operator"


class Requests:
    """One method per message; each is called in the transaction of the message's inbox row."""

    def __init__(self, recipe: Recipe, libraries: Mapping[str, str]) -> None:
        """Take how this release trains; both are part of a job's identity."""
        self._recipe = recipe
        self._method = job_identity.method_sha256(recipe, libraries)

    def handlers(self) -> dict[type[Message], Act]:
        """Return the methods by message type."""
        return {
            IngestionCompleted: self.ingestion_completed,
            StoreReset: self.store_reset,
            TrainModel: self.train,
            CancelTraining: self.cancel,
            PromoteModel: self.promote,
            RollbackModel: self.roll_back,
        }

    async def ingestion_completed(
        self, connection: Connection, envelope: Envelope, event: IngestionCompleted
    ) -> Outcome:
        """Ask for a job on the event's training set. Its wish is the run's."""
        if event.then == "nothing":
            return Outcome(outcome="applied", detail="The run's command wanted no training.")
        return await self._ask(
            connection,
            model=DEFAULT_MODEL,
            generation=event.generation,
            training_set=event.training_set,
            command_id=envelope.id,
            promote=event.then == "train_and_promote",
            actor=INGESTION,
            reason=f"run {event.run_id} is complete",
        )

    async def store_reset(self, connection: Connection, _envelope: Envelope, event: StoreReset) -> Outcome:
        """End the jobs whose rows are gone."""
        detail = "The store was reset before the model was trained; ingest again."
        ended = await store.end_jobs_before(connection, event.generation, detail=detail)
        await outbox.add(connection, SCHEMA, [announcements.training_failed(job) for job in ended])
        return Outcome(outcome="applied", detail=f"{len(ended)} jobs of earlier generations ended.")

    async def train(self, connection: Connection, envelope: Envelope, command: TrainModel) -> Outcome:
        """Ask for a job on every batch that is clean now."""
        generation, training_set = await store.clean_batches(connection)
        return await self._ask(
            connection,
            model=command.model,
            generation=generation,
            training_set=training_set,
            command_id=envelope.id,
            promote=command.then == "train_and_promote",
            actor=OPERATOR,
            reason="a command asked for training",
            force=command.force,
        )

    async def cancel(self, connection: Connection, _envelope: Envelope, command: CancelTraining) -> Outcome:
        """End a waiting or running job. Raises Rejected for an unknown or ended one."""
        state = await store.job_state(connection, command.model, command.job_id)
        if state is None:
            raise Rejected(Reason.UNKNOWN_JOB, "There is no job of this id; list the jobs to find it.")
        ended = await store.end_job(
            connection, command.job_id, state="cancelled", reason=Reason.CANCELLED, detail=command.reason
        )
        if ended is None:
            raise Rejected(Reason.REFUSED, f"The job is {state}; only a waiting or running one can be cancelled.")
        await outbox.add(connection, SCHEMA, [announcements.training_failed(ended)])
        return Outcome(outcome="applied", subject=str(command.job_id))

    async def promote(self, connection: Connection, envelope: Envelope, command: PromoteModel) -> Outcome:
        """Queue the model for the gate. Raises Rejected for a model that does not exist."""
        job_id = await store.job_of_model(connection, command.model, command.model_id)
        if job_id is None:
            raise Rejected(Reason.UNKNOWN_MODEL, "No model of this name and id was trained; list the models.")
        wish = AskedWish(
            kind="promotion",
            model=command.model,
            command_id=envelope.id,
            job_id=job_id,
            model_id=command.model_id,
            expected_epoch=command.expected_epoch,
            actor=command.actor,
            reason=command.reason,
        )
        await store.add_wish(connection, wish)
        return Outcome(outcome="accepted", subject=command.model_id)

    async def roll_back(self, connection: Connection, envelope: Envelope, command: RollbackModel) -> Outcome:
        """Queue the rollback behind the promotions asked for before it."""
        wish = AskedWish(
            kind="rollback",
            model=command.model,
            command_id=envelope.id,
            to_epoch=command.to_epoch,
            expected_epoch=command.expected_epoch,
            actor=command.actor,
            reason=command.reason,
        )
        await store.add_wish(connection, wish)
        return Outcome(outcome="accepted")

    async def _ask(
        self,
        connection: Connection,
        *,
        model: str,
        generation: int,
        training_set: Sequence[BatchRef],
        command_id: UUID,
        promote: bool,
        actor: str,
        reason: str,
        force: bool = False,
    ) -> Outcome:
        job_id = job_identity.job_id(
            model=model,
            training_set=training_set,
            method=self._method,
            force=command_id if force else None,
        )
        job = await store.ask_job(
            connection,
            AskedJob(
                job_id=job_id,
                model=model,
                recipe=self._recipe.name,
                feature_version=self._recipe.feature_version,
                method_sha256=self._method,
                training_set=tuple(training_set),
                training_set_sha256=job_identity.training_sha256(training_set),
                generation=generation,
            ),
        )
        wish = AskedWish(
            kind="promotion" if promote else "train",
            model=model,
            command_id=command_id,
            job_id=job_id,
            actor=actor,
            reason=reason,
        )
        await store.add_wish(connection, wish)
        refusal = job_identity.not_trainable(training_set)
        if refusal is not None:
            return await _refuse(connection, job_id, *refusal)
        if job["state"] == "done" and not promote:
            await store.end_wishes(connection, job_id, state="honoured", outcome="applied", kinds=["train"])
            detail = f"The same job was done before; it came to model {job['model_id']}."
            return Outcome(outcome="applied", subject=str(job_id), detail=detail)
        return Outcome(outcome="accepted", subject=str(job_id))


async def _refuse(connection: Connection, job_id: UUID, reason: Reason, detail: str) -> Outcome:
    """End the job before it began: on these rows nothing can be trained, now or later."""
    ended = await store.end_job(connection, job_id, state="failed", reason=reason, detail=detail)
    if ended is not None:
        await outbox.add(connection, SCHEMA, [announcements.training_failed(ended)])
    return Outcome(outcome="rejected", subject=str(job_id), reason=reason, detail=detail)
