"""Do the jobs: claim one, do it under its lease, record how it ended.

A worker that dies costs its job the rest of a lease; whoever claims it next does it again and comes to the same bytes.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog
from readmit_contracts.bundle import BundleInvalid
from readmit_contracts.reasons import Reason
from readmit_runtime import tracing
from readmit_runtime.backoff import Backoff
from readmit_runtime.errors import Rejected, Transient
from readmit_runtime.leases import LeaseLost, keep_lease
from readmit_runtime.lifecycle import pause
from readmit_runtime.logs import describe

from trainer.metrics import TrainerMetrics
from trainer.settings import JobSettings
from trainer.training_process import ChildFailed, ChildKilled
from trainer.work.job import JobProgress, JobWork
from trainer.work.store import ClaimedJob, JobStore

log = structlog.get_logger(__name__)


class Worker:
    """Does one job at a time; `run` is a loop of the service."""

    def __init__(
        self,
        store: JobStore,
        work: JobWork,
        settings: JobSettings,
        *,
        metrics: TrainerMetrics,
        on_ended: Callable[[], None],
        backoff: Backoff | None = None,
    ) -> None:
        """Take the jobs and who does them; `on_ended` is called after a job's end was committed."""
        self._store = store
        self._work = work
        self._settings = settings
        self._metrics = metrics
        self._on_ended = on_ended
        self._backoff = backoff or Backoff()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look for a job now; call it after a commit that may have added one."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; the job in hand is given back then, and done anew by the next worker."""
        while not stop.is_set():
            self._woken.clear()
            try:
                worked = await self.turn(stop)
                self._backoff.reset()
                if not worked:
                    await pause(self._settings.poll_s, stop, self._woken)
            except Transient as error:
                delay_s = self._backoff.next_s()
                log.warning("training_waits", error=describe(error), delay_s=round(delay_s, 3))
                await pause(delay_s, stop)

    async def turn(self, stop: asyncio.Event) -> bool:
        """Claim and do one job; False when there is none. Raises Transient, the job then being given back."""
        job = await self._store.claim()
        if job is None:
            return False
        self._on_ended()  # the claim's event waits in the outbox
        with tracing.span(
            "training.job",
            parent=job.traceparent,
            attributes={"readmit.job_id": job.job_id, "readmit.model": job.model, "readmit.attempt": job.attempt},
        ):
            log.info("job_claimed", job_id=job.job_id, attempt=job.attempt, batches=len(job.training_set))
            progress = JobProgress()
            end = await self._end_of(job, progress, stop)
            self._metrics.job_left(end, progress.durations_s)
            log.info("job_left", job_id=job.job_id, attempt=job.attempt, end=end, durations_s=progress.durations_s)
        self._on_ended()
        return True

    async def _end_of(self, job: ClaimedJob, progress: JobProgress, stop: asyncio.Event) -> str:
        if job.tries > self._settings.attempts_max:
            detail = (
                f"{self._settings.attempts_max} attempts ended without a result; look at the log, then train again."
            )
            return await self._fail(job, Reason.ATTEMPTS_EXHAUSTED, detail)
        work = asyncio.create_task(self._attempt(job, progress), name=f"job {job.job_id}")
        stopped = asyncio.create_task(stop.wait(), name="worker stop")
        try:
            await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                await _cancel(work)
                await self._store.release(job)
                return "given_back"
            return await work
        except Transient:
            with suppress(Transient):
                await self._store.release(job)
            self._metrics.job_left("put_off", {})
            raise
        finally:
            stopped.cancel()
            await _cancel(work)

    async def _attempt(self, job: ClaimedJob, progress: JobProgress) -> str:
        settings = self._settings
        try:
            async with keep_lease(
                lambda: self._store.renew(job, progress.stage), settings.renew_s, expires_s=settings.lease_s
            ):
                trained = await self._work.do(job, progress)
            finished = await self._store.finish(job, trained, duration_s=progress.elapsed_s())
        except LeaseLost:
            return "lost"
        except ChildKilled as error:
            log.warning("child_killed", job_id=job.job_id, attempt=job.attempt, detail=error.detail)
            await self._store.retry(job)
            return "killed"
        except (ChildFailed, BundleInvalid) as error:
            return await self._fail(job, error.reason, error.detail)
        except Rejected as error:
            return await self._fail(job, Reason(error.reason), error.detail)
        return "done" if finished else "lost"

    async def _fail(self, job: ClaimedJob, reason: Reason, detail: str) -> str:
        failed = await self._store.fail(job, reason, detail)
        log.error("job_failed", job_id=job.job_id, attempt=job.attempt, reason=reason, detail=detail)
        return "failed" if failed else "lost"


async def _cancel(task: "asyncio.Task[str]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
