"""Run one member of a consumer group: the effect first, then the offsets, whatever happens between.

One turn of the loop, in order:

1. gather: poll until the group is full, nothing more is known to be there, or its first record waited long enough;
2. take the lock that a rebalance waits for, and drop the group if its partitions were given back meanwhile;
3. hand the group to the handler, whose own transaction holds both the effect and the parking of bad records;
4. commit, of every partition that moved, where it goes on: `last offset + 1`, or past what is no record.

A handler that raises Transient commits nothing: every partition is rewound and the same records come again after
a pause, in which the loop keeps polling so that the group keeps its member. Any other error ends the process.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from readmit_runtime.backoff import Backoff
from readmit_runtime.clock import Clock, SystemClock
from readmit_runtime.consumer_client import CommitLost, ConsumerClient, Polled
from readmit_runtime.consumer_progress import ConsumerProgress
from readmit_runtime.consumer_settings import ConsumerSettings
from readmit_runtime.deadline import Deadline
from readmit_runtime.errors import Transient
from readmit_runtime.logs import describe
from readmit_runtime.messages import IncomingRecord, Partition
from readmit_runtime.record_group import RecordGroup

Handler = Callable[[Sequence[IncomingRecord]], Awaitable[None]]
"""Does the work of a group, which is never empty; when it returns, effect and parking are durable.

Records may come more than once, also within the life of one process: the effect has to be idempotent.
"""

log = structlog.get_logger(__name__)


class GroupConsumer:
    """One consumer loop; `run` is called once.

    `progress` is written at every turn, for metrics, health and the watchdog.
    """

    def __init__(
        self,
        client: ConsumerClient,
        handle: Handler,
        settings: ConsumerSettings,
        *,
        progress: ConsumerProgress,
        clock: Clock | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self._client = client
        self._handle = handle
        self._settings = settings
        self._progress = progress
        self._clock = clock or SystemClock()
        self._backoff = backoff or Backoff(first_s=settings.backoff_first_s, most_s=settings.backoff_limit_s)
        self._started = False
        self._in_hand = asyncio.Lock()
        self._owed: dict[Partition, int] = {}
        self._stored: dict[Partition, int] = {}
        self._owed_epoch = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then finish and commit the group in hand and leave the group."""
        try:
            while not stop.is_set():
                self._note_turn()
                try:
                    await self._turn()
                except Transient as error:
                    await self._back_off(error, stop)
        finally:
            await self._client.stop()

    async def _turn(self) -> None:
        if not self._started:
            await self._client.start(self._before_revoke)
            self._started = self._progress.started = True
        group = await self._gather()
        async with self._in_hand:
            await self._process(group)
        if len(group) > 0 or self._client.behind() == 0:  # else what failed is still on its way back
            self._backoff.reset()
            self._progress.attempt = 0

    async def _gather(self) -> RecordGroup:
        most = self._settings.max_records
        group = RecordGroup(self._client.epoch)
        try:
            self._add(group, await self._client.poll(self._settings.poll_s, max_records=most))
            deadline = Deadline.after(self._settings.group_wait_s, self._clock)
            while 0 < len(group) < most and self._client.behind() > 0 and not deadline.expired:
                polled = await self._client.poll(deadline.remaining(), max_records=most - len(group))
                self._add(group, polled)
        except Transient:
            self._rewind(group)
            raise
        return group

    def _add(self, group: RecordGroup, polled: Polled) -> None:
        self._progress.records_dropped += group.add(polled)

    async def _process(self, group: RecordGroup) -> None:
        if group.epoch != self._client.epoch:
            self._progress.records_dropped += len(group)
            return
        if len(group) > 0:
            try:
                await self._handle(group.records())
            except Transient:
                self._rewind(group)
                raise
            self._progress.groups += 1
            self._progress.records += len(group)
        self._owe(group.epoch, group.next_offsets())
        await self._commit()

    def _owe(self, epoch: int, offsets: Mapping[Partition, int]) -> None:
        if epoch != self._owed_epoch:
            self._progress.commits_lost += bool(self._owed)
            self._owed.clear()
            self._stored.clear()
            self._owed_epoch = epoch
        self._owed |= {
            partition: offset for partition, offset in offsets.items() if self._stored.get(partition) != offset
        }

    async def _commit(self) -> None:
        if not self._owed:
            return
        try:
            await self._commit_within(self._owed_epoch)
        except CommitLost as error:
            # whoever owns the partitions now handles the records again, without a second effect
            self._progress.commits_lost += 1
            self._owed.clear()
            log.warning("commit_lost", reason=describe(error))
        except Transient as error:
            # the effect is done; handling the records again would not make the broker take the offsets
            self._progress.commits_put_off += 1
            log.warning("commit_put_off", reason=describe(error))
        else:
            self._progress.commits += 1
            self._progress.last_commit = self._clock.monotonic()
            self._stored |= self._owed
            self._owed.clear()

    async def _commit_within(self, epoch: int) -> None:
        if epoch != self._client.epoch:
            # the member may hold the partitions again, but another one may have gone on from here since
            raise CommitLost("the partitions were given back before the handler ended")
        await self._client.commit(dict(self._owed))

    def _rewind(self, group: RecordGroup) -> None:
        if group.epoch != self._client.epoch:
            return  # the new epoch begins at the committed offsets by itself
        for partition, offset in group.first_offsets().items():
            self._client.seek(partition, offset)

    async def _back_off(self, error: Transient, stop: asyncio.Event) -> None:
        wait_s = self._backoff.next_s()
        self._progress.transients += 1
        self._progress.attempt = self._backoff.failures
        log.warning("backing_off", reason=describe(error), attempt=self._backoff.failures, wait_s=round(wait_s, 3))
        deadline = Deadline.after(wait_s, self._clock)
        while not stop.is_set() and not deadline.expired:
            self._note_turn()
            await self._idle(min(deadline.remaining(), self._settings.poll_s))
        if self._started:
            self._client.resume()

    async def _idle(self, seconds: float) -> None:
        """Let time pass while the member keeps polling, or the group would count it as hung."""
        if not self._started:
            await self._clock.sleep(seconds)
            return
        self._client.pause()
        try:
            polled = await self._client.poll(seconds, max_records=self._settings.max_records)
        except Transient:
            await self._clock.sleep(seconds)
            return
        group = RecordGroup(polled.epoch)
        group.add(polled)
        self._rewind(group)  # of partitions that were assigned after the pause

    async def _before_revoke(self) -> None:
        try:
            async with asyncio.timeout(self._settings.revoke_budget_s), self._in_hand:
                pass
        except TimeoutError:
            self._progress.revokes_given_up += 1
            log.warning("revoke_given_up", budget_s=self._settings.revoke_budget_s)

    def _note_turn(self) -> None:
        self._progress.last_beat = self._clock.monotonic()
        self._progress.assigned = len(self._client.assignment())
        self._progress.behind = self._client.behind()
        self._progress.rebalances = self._client.epoch
