"""Follow the topic of access keys from its beginning, and keep what it says on disk."""

import asyncio
from collections.abc import Callable

import structlog
from readmit_contracts.access import AccessKey
from readmit_contracts.reasons import Reason
from readmit_runtime.errors import Rejected
from readmit_runtime.lifecycle import pause
from readmit_runtime.logs import describe
from readmit_runtime.messages import IncomingRecord, incoming
from readmit_runtime.topic_reader import TopicReader, follow

from predictor.access_keys import AccessKeys
from predictor.key_file import KeyFile

LOOK_AGAIN_S = 0.05

log = structlog.get_logger(__name__)


class KeyTopic:
    """Brings `AccessKeys` and the file up to what the topic says."""

    def __init__(self, keys: AccessKeys, file: KeyFile | None, *, reopen_s: float = 5.0) -> None:
        """Take what to fill; `reopen_s` is the pause before a topic that could not be read is opened again."""
        self._keys = keys
        self._file = file
        self._reopen_s = reopen_s

    async def run(self, open_reader: Callable[[], TopicReader], stop: asyncio.Event) -> None:
        """Follow the topic until `stop`; the keys last known are used whatever goes wrong with it."""
        known = None if self._file is None else self._file.load()
        if known is not None:
            self._keys.remember(known)
        while not stop.is_set():
            reader = open_reader()
            self._keys.begin()
            keeping = asyncio.create_task(self._keep(reader), name="keep access keys")
            try:
                await follow(reader, self._apply, stop)
            except Exception:
                log.exception("access_keys_unreadable", again_in_s=self._reopen_s)
                await pause(self._reopen_s, stop)
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)

    async def _apply(self, record: IncomingRecord) -> None:
        # Nothing is awaited here: the reader has caught up only once its last records are applied.
        try:
            if record.value is None and record.key is not None:
                self._keys.revoke(record.key.decode(errors="replace"))
            else:
                self._keys.put(_key_of(record))
        except Rejected as error:
            log.warning("access_key_unreadable", offset=record.offset, reason=error.reason, detail=error.detail)

    async def _keep(self, reader: TopicReader) -> None:
        while not reader.caught_up:  # noqa: ASYNC110 - a reader has no event for it
            await asyncio.sleep(LOOK_AGAIN_S)
        self._keys.settle()
        while True:
            await self._keys.changed.wait()
            self._keys.changed.clear()
            await self._save()

    async def _save(self) -> None:
        keys = self._keys.current()
        log.info("access_keys_known", keys=len(keys))
        if self._file is None:
            return
        try:
            await asyncio.to_thread(self._file.save, keys)
        except OSError as error:
            # they are in memory, and the next change is saved as a whole
            log.warning("key_file_not_written", reason=describe(error))


def _key_of(record: IncomingRecord) -> AccessKey:
    _, key = incoming(record)
    if not isinstance(key, AccessKey) or record.key != key.key().encode():
        raise Rejected(Reason.DECODE, "The message is no access key under its own id; make keys by `readmit keys`.")
    return key
