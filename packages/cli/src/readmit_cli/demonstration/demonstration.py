"""Do the system's main job once, waiting for the effect of each step: a file in, a prediction out."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID, uuid4

import msgspec
from readmit_contracts.commands import StartIngestion
from readmit_contracts.predictions import Prediction
from readmit_contracts.source import SPLITS, SourceFile
from readmit_runtime.clock import Clock

from readmit_cli.asking import effects
from readmit_cli.asking.requests import Request
from readmit_cli.demonstration.pipeline import PipelineRun, RunPipeline, TaskRun
from readmit_cli.demonstration.steps import Step, Steps
from readmit_cli.failures import CommandFailed
from readmit_cli.ingestion import following
from readmit_cli.ingestion.rendering import SHORT_ID
from readmit_cli.model_rows import ChampionStatus, JobStatus
from readmit_cli.models import convergence, training, training_report
from readmit_cli.models.training import Trained
from readmit_cli.status_rows import BatchStatus, RunStatus, StoreStatus
from readmit_cli.verification.findings import Report
from readmit_cli.verification.source_location import is_real
from readmit_cli.verification.verify import OnProgress

SHOWN_DIFFERENCES = 5
UNDER_WAY = ("running", "deferred", "up_for_retry")


class Store(effects.Commands, following.Runs, Protocol):
    """What is asked of the status views of the store."""

    async def store(self) -> StoreStatus:
        """Return the store's generation."""
        ...

    async def batches(self, generation: int) -> Sequence[BatchStatus]:
        """Return every batch of a generation."""
        ...

    async def run(self, run_id: UUID) -> RunStatus | None:
        """Return a run."""
        ...


class Models(training.Models, convergence.Serving, Protocol):
    """What is asked of the status views of training and serving."""


@dataclass(frozen=True)
class World:
    """The running system, as the demonstration reaches it."""

    store: Store
    models: Models
    publish: Callable[[Request], Awaitable[None]]
    verify: Callable[[UUID, OnProgress], Awaitable[Report]]
    predict: Callable[[], Awaitable[Prediction]]
    run_pipeline: RunPipeline | None = None
    """How Airflow does it; None: commands are given from here."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the main job came to. `rows_unchanged`: every batch was clean before, and is what it was.

    `seconds` is what each step took, in their order.
    """

    real: bool
    run: RunStatus
    rows_unchanged: bool
    report: Report
    trained: Trained
    champion: ChampionStatus
    prediction: Prediction
    pipeline: PipelineRun | None
    seconds: dict[str, float]


class Demonstration:
    """The main job's steps, each with the effect that it waits for."""

    def __init__(self, world: World, steps: Steps, clock: Clock) -> None:
        self._world = world
        self._steps = steps
        self._clock = clock

    async def run(self, source: SourceFile) -> Outcome:
        """Do all of it; raises CommandFailed at the first step whose effect is not what it must be."""
        before = await self._batches(source)
        pipeline = None
        if self._world.run_pipeline is not None:
            pipeline = await self._pipeline(self._world.run_pipeline)
            run, trained = await self._asked_for(pipeline)
            report = await self._verify(source, run)
        else:
            run = await self._ingest(source, before)
            report = await self._verify(source, run)
            trained = await self._train(run)
        champion = await self._serve(trained)
        prediction = await self._predict(champion)
        return Outcome(
            real=is_real(source),
            run=run,
            rows_unchanged=all_clean(before) and before == await self._batches(source),
            report=report,
            trained=trained,
            champion=champion,
            prediction=prediction,
            pipeline=pipeline,
            seconds=dict(self._steps.seconds),
        )

    async def _batches(self, source: SourceFile) -> list[BatchStatus]:
        store = await self._world.store.store()
        every = await self._world.store.batches(store.generation)
        return [batch for batch in every if batch.dataset_id == source.dataset_id]

    async def _pipeline(self, run_pipeline: RunPipeline) -> PipelineRun:
        with self._steps.step("pipeline") as step:

            def on_tasks(tasks: Sequence[TaskRun]) -> None:
                under_way = [task.task_id for task in tasks if task.state in UNDER_WAY]
                done = sum(task.state == "success" for task in tasks)
                said = ", ".join(under_way) or ("between two tasks" if tasks else "in the queue behind another run")
                step.say(said, completed=done, total=len(tasks) or None)

            step.say("asking Airflow")
            pipeline = await run_pipeline(on_tasks)
            step.conclude(f"all {len(pipeline.tasks)} tasks of readmission_pipeline are green")
        return pipeline

    async def _asked_for(self, pipeline: PipelineRun) -> tuple[RunStatus, Trained]:
        """Return what the pipeline asked the system for, as the system has it on record."""
        run = await self._world.store.run(pipeline.run_id)
        if run is None:
            raise CommandFailed(f"Airflow's run is green, but the system knows no run {pipeline.run_id}.")
        models, asked = self._world.models, pipeline.promotion_command_id
        command = await effects.taken_up(training.heard_of(run.run_id), self._world.store, self._clock)
        job = await training.job_ended(command, models, self._clock, lambda _job: None)
        return run, msgspec.structs.replace(
            await training.trained(command, job, models),
            decision=await models.decision_of(asked),
            promotion=await models.promotion_of(asked),
        )

    async def _ingest(self, source: SourceFile, before: Sequence[BatchStatus]) -> RunStatus:
        message = StartIngestion(
            batches=dict.fromkeys(SPLITS, "all"), then="train_and_promote", dataset_sha256=source.sha256
        )
        request = Request(uuid4(), message)
        with self._steps.step("ingestion") as step:
            step.say("asking the batch producer")
            await self._world.publish(request)
            await effects.taken_up(request.effect, self._world.store, self._clock)

            def on_progress(run: RunStatus, _batches: Sequence[BatchStatus]) -> None:
                said = (
                    f"{run.published:,} of {run.planned_rows:,} rows, {run.clean_batches}/{run.batches} batches clean"
                )
                step.say(said, completed=run.published, total=run.planned_rows)

            run = await following.run_ended(request, self._world.store, self._clock, on_progress)
            following.require_completed(run)
            step.conclude(ingestion_note(run, before))
        return run

    async def _verify(self, source: SourceFile, run: RunStatus) -> Report:
        with self._steps.step("verification") as step:
            step.say("comparing every row with the file")
            report = await self._world.verify(run.run_id, _bar(step))
            require_whole(report, source)
            step.conclude(f"every row is what the file says, {report.terms().published:,} of them")
        return report

    async def _train(self, run: RunStatus) -> Trained:
        asked = training.heard_of(run.run_id)
        with self._steps.step("training") as step:

            def on_job(job: JobStatus) -> None:
                step.say(training.stage(job))

            step.say("waiting for the trainer")
            command = await effects.taken_up(asked, self._world.store, self._clock)
            job = await training.job_ended(command, self._world.models, self._clock, on_job)
            step.conclude(f"job {str(job.job_id)[:SHORT_ID]} {training_report.job_line(job, command)}")
        with self._steps.step("promotion") as step:
            step.say("at the gate")
            command = await effects.settled(asked, self._world.store, self._clock)
            trained = await training.trained(command, job, self._world.models)
            step.conclude(training_report.outcome(trained).plain)
        return trained

    async def _serve(self, trained: Trained) -> ChampionStatus:
        if trained.champion is None:
            raise CommandFailed(f"No model serves, although the job is done: {trained.command.detail}")
        with self._steps.step("predictor") as step:

            def on_champion(champion: ChampionStatus) -> None:
                step.say(convergence.shown(champion))

            champion = await convergence.converged(
                trained.champion.model, trained.champion.epoch, self._world.models, self._clock, on_champion
            )
            step.conclude(convergence.shown(champion))
        return champion

    async def _predict(self, champion: ChampionStatus) -> Prediction:
        with self._steps.step("prediction") as step:
            prediction = await self._world.predict()
            if prediction.model.epoch < champion.epoch:
                raise CommandFailed(
                    f"The predictor answers with epoch {prediction.model.epoch}, although it reported "
                    f"{champion.epoch}; `readmit logs predictor` says why."
                )
            step.conclude(f"by epoch {prediction.model.epoch}")
        return prediction


def all_clean(batches: Sequence[BatchStatus]) -> bool:
    """Tell whether a dataset's batches stand in the store already; an unknown dataset has none."""
    return bool(batches) and all(batch.state == "clean" for batch in batches)


def ingestion_note(run: RunStatus, before: Sequence[BatchStatus]) -> str:
    """Return what the run had to do."""
    if all_clean(before):
        return f"all {len(before)} batches are clean already: nothing to ingest, no row changed"
    return f"{run.published:,} rows in {run.batches} batches"


def require_whole(report: Report, source: SourceFile) -> None:
    """Raise CommandFailed unless every row of the file is accounted for and is what the file says."""
    if report.verdict != "verified":
        shown = [f"  {difference}" for difference in report.differences[:SHOWN_DIFFERENCES]]
        head = f"The store is not what the file says: {report.differences_total:,} differences."
        more = f"`readmit ingest verify {report.run_id}` lists them."
        raise CommandFailed("\n".join([head, *shown, more]))
    terms, rows = report.terms(), sum(source.rows(split) for split in SPLITS)
    if not terms.published == terms.accounted == rows:
        raise CommandFailed(
            f"The file has {rows:,} rows, {terms.published:,} were published and {terms.accounted:,} accounted for; "
            f"`readmit ingest verify {report.run_id}` says where."
        )


def _bar(step: Step) -> OnProgress:
    def on_progress(checked: int, total: int) -> None:
        step.say(f"{checked:,} of {total:,} rows", completed=checked, total=total)

    return on_progress
