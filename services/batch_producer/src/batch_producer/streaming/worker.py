"""Stream the planned runs: claim one, send every chunk that has no ledger row, note that all was sent.

A worker that dies costs its run the rest of a lease; whoever claims it next asks the ledger anew. Chunks may be sent
twice, by two workers too: their bytes are equal, and the ledger takes each once.
"""

import asyncio
from contextlib import suppress

import structlog
from readmit_contracts.source import DatasetInvalid
from readmit_runtime import tracing
from readmit_runtime.backoff import Backoff
from readmit_runtime.errors import Rejected, Transient
from readmit_runtime.heartbeat import Heartbeat
from readmit_runtime.leases import LeaseLost, keep_lease
from readmit_runtime.lifecycle import pause
from readmit_runtime.logs import describe

from batch_producer.metrics import BatchProducerMetrics
from batch_producer.settings import StreamingSettings
from batch_producer.streaming.run_stream import RunStream
from batch_producer.streaming.store import ClaimedRun, StreamingStore

log = structlog.get_logger(__name__)


class StreamingWorker:
    """Streams one run at a time; `run` is a loop of the service."""

    def __init__(
        self,
        store: StreamingStore,
        stream: RunStream,
        settings: StreamingSettings,
        *,
        metrics: BatchProducerMetrics,
        heartbeat: Heartbeat,
        backoff: Backoff | None = None,
    ) -> None:
        """Take the runs and what sends them."""
        self._store = store
        self._stream = stream
        self._settings = settings
        self._metrics = metrics
        self._heartbeat = heartbeat
        self._backoff = backoff or Backoff()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look for a run now; call it after a commit that may have planned one."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Stream until `stop` is set; a run in hand is given back after the chunks in flight."""
        while not stop.is_set():
            self._heartbeat.beat()
            self._woken.clear()
            try:
                worked = await self._turn(stop)
                self._backoff.reset()
                if not worked:
                    await pause(self._settings.poll_s, stop, self._woken)
            except Transient as error:
                delay_s = self._backoff.next_s()
                log.warning(
                    "streaming_waits",
                    error=describe(error),
                    failures=self._backoff.failures,
                    delay_s=round(delay_s, 3),
                )
                await pause(delay_s, stop)

    async def _turn(self, stop: asyncio.Event) -> bool:
        """Claim and stream one run; False when there is none."""
        run = await self._store.claim()
        if run is None:
            return False
        self._metrics.run_claimed()
        with tracing.span(
            "ingest.stream",
            parent=run.traceparent,
            attributes={"readmit.run_id": run.run_id, "readmit.attempt": run.attempt},
        ):
            log.info("run_claimed", run_id=run.run_id, attempt=run.attempt)
            end = await self._end_of(run, stop)
            self._metrics.run_left(end)
            log.info("run_left", run_id=run.run_id, attempt=run.attempt, end=end)
        return True

    async def _end_of(self, run: ClaimedRun, stop: asyncio.Event) -> str:
        settings = self._settings
        try:
            async with keep_lease(lambda: self._store.renew(run), settings.check_s, expires_s=settings.lease_s):
                finished = await self._stream.send(run, stop)
            if not finished:
                await self._store.release(run)
                return "given_back"
            return "sent" if await self._store.finish(run) else "lost"
        except LeaseLost:
            return "lost"
        except (DatasetInvalid, Rejected) as error:
            return await self._fail(run, error)
        except Transient:
            self._metrics.run_left("put_off")
            with suppress(Transient):
                await self._store.release(run)
            raise

    async def _fail(self, run: ClaimedRun, error: DatasetInvalid | Rejected) -> str:
        failed = await self._store.fail(run, error.reason, error.detail)
        log.error("run_failed", run_id=run.run_id, reason=error.reason, detail=error.detail)
        return "failed" if failed else "lost"
