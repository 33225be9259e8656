"""Know which access keys may be used now, and check what a request shows."""

import asyncio
import hmac
import re
from collections.abc import Sequence

from readmit_contracts.access import AccessKey, digest_of, key_id_of
from readmit_runtime.clock import Clock, SystemClock

from predictor.problems import ProblemKind, Refused

MOST_VERIFIED = 1_000

_BEARER = re.compile(rb"bearer +([\x21-\x7e]{1,200})", re.IGNORECASE)
_NO_DIGEST = "0" * 64


class AccessKeys:
    """The keys in use, as the topic of keys says.

    While the topic is read from its beginning, what it says is put aside: a key that was made and revoked long ago
    must not be good for a moment. `changed` is set with every change that lasts.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._keys: dict[str, AccessKey] = {}
        self._reading: dict[str, AccessKey] | None = None
        self._verified: dict[bytes, AccessKey] = {}
        self._known = False
        self.changed = asyncio.Event()

    def remember(self, keys: Sequence[AccessKey]) -> None:
        """Use these keys, as they were known to an earlier process, until the topic was read."""
        self._keys = {key.key_id: key for key in keys}
        self._known = True

    def current(self) -> tuple[AccessKey, ...]:
        """Return the keys in use."""
        return tuple(self._keys.values())

    def begin(self) -> None:
        """Note that the topic is read from its beginning."""
        self._reading = {}

    def put(self, key: AccessKey) -> None:
        """Take a key in."""
        if self._reading is not None:
            self._reading[key.key_id] = key
            return
        self._keys[key.key_id] = key
        self._has_changed()

    def revoke(self, key_id: str) -> None:
        """Refuse a key from now on; one that is not known is no error."""
        if self._reading is not None:
            self._reading.pop(key_id, None)
        if self._keys.pop(key_id, None) is not None:
            self._has_changed()

    def settle(self) -> None:
        """Note that the topic's end is reached: what was read from it is all there is."""
        if self._reading is not None:
            self._keys, self._reading = self._reading, None
            self._known = True
            self._has_changed()

    async def check_known(self) -> None:
        """Return once the keys are known, as readiness asks; raises Refused."""
        if not self._known:
            raise Refused(ProblemKind.KEYS_UNKNOWN)

    def holder(self, authorization: bytes | None) -> AccessKey:
        """Return the key that a request shows in its Authorization header; raises Refused 401, or 503 before any."""
        if authorization is None:
            raise Refused(ProblemKind.NO_KEY)
        key = self._verified.get(authorization) or self._verify(authorization)
        if key.expires_at is not None and self._clock.now() >= key.expires_at:
            raise Refused(ProblemKind.KEY_REFUSED)
        return key

    def _verify(self, authorization: bytes) -> AccessKey:
        shown = _BEARER.fullmatch(authorization)
        text = shown.group(1).decode() if shown else ""
        key_id = key_id_of(text)
        if key_id is None:
            raise Refused(ProblemKind.KEY_REFUSED)
        key = self._keys.get(key_id)
        equal = hmac.compare_digest(digest_of(text), _NO_DIGEST if key is None else key.sha256)
        if key is None or not equal:
            raise Refused(ProblemKind.KEY_REFUSED if self._known else ProblemKind.KEYS_UNKNOWN)
        if len(self._verified) >= MOST_VERIFIED:
            self._verified.clear()
        self._verified[authorization] = key
        return key

    def _has_changed(self) -> None:
        self._verified.clear()
        self.changed.set()
