import asyncio
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from predictor.access_keys import MOST_VERIFIED, AccessKeys
from predictor.key_file import KeyFile
from predictor.key_topic import KeyTopic
from predictor.problems import ProblemKind, Refused
from readmit_contracts.access import AccessKey, make_key
from readmit_contracts.topics import ACCESS_KEYS
from readmit_runtime.messages import OutgoingRecord, outgoing
from readmit_runtime.testing.fake_broker import FakeBroker
from readmit_runtime.testing.fake_clock import FakeClock
from support.predictor_rig import QuickReader, access_key, eventually

FIRST = make_key(b"\x0a" * 8, b"\x0b" * 32)
SECOND = make_key(b"\x0c" * 8, b"\x0d" * 32)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _bearer(key: str) -> bytes:
    return f"Bearer {key}".encode()


def _refusal(keys: AccessKeys, authorization: bytes | None) -> ProblemKind | None:
    try:
        keys.holder(authorization)
    except Refused as refusal:
        return refusal.kind
    return None


@pytest.fixture
def keys() -> AccessKeys:
    """Keys of which one is known."""
    keys = AccessKeys()
    keys.remember([access_key(FIRST)])
    return keys


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "Bearer   "])
def test_a_known_key_is_accepted_and_names_its_holder(keys: AccessKeys, scheme: str) -> None:
    """The scheme's name has no case, by HTTP's rules."""
    for _ in range(2):
        assert keys.holder(scheme.encode() + FIRST.encode()).key_id == "0a" * 8


WRONG = {
    "empty": b"",
    "the key alone": FIRST.encode(),
    "another scheme": b"Basic " + FIRST.encode(),
    "no key": b"Bearer ",
    "no blank": b"Bearer" + FIRST.encode(),
    "a tab for the blank": b"Bearer\t" + FIRST.encode(),
    "a longer key": _bearer(FIRST) + b"x",
    "a shorter key": _bearer(FIRST)[:-1],
    "another secret": _bearer(FIRST)[:-1] + b"A",
    "the secret of another": _bearer(FIRST[:20] + SECOND[20:]),
    "the id alone": b"Bearer rk_" + b"0a" * 8,
    "an unknown id": _bearer(SECOND),
    "two keys": _bearer(FIRST) + b", " + _bearer(FIRST),
    "a blank behind": _bearer(FIRST) + b" ",
    "a line end behind": _bearer(FIRST) + b"\n",
    "NUL behind": _bearer(FIRST) + b"\x00",
    "no ASCII": b"Bearer \xff\xfe",
    "a very long one": b"Bearer " + b"a" * 100_000,
    "a token of another kind": b"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.",
}


@pytest.mark.parametrize("name", WRONG)
def test_whatever_else_is_shown_is_refused_by_one_answer(keys: AccessKeys, name: str) -> None:
    """Who guesses must not learn which part was right."""
    assert _refusal(keys, WRONG[name]) is ProblemKind.KEY_REFUSED
    assert _refusal(keys, None) is ProblemKind.NO_KEY


def test_a_revoked_key_is_refused_at_once_though_it_was_just_accepted(keys: AccessKeys) -> None:
    """What was verified is kept for speed, and must not outlive the key."""
    keys.settle()
    keys.holder(_bearer(FIRST))
    keys.revoke("0a" * 8)
    assert _refusal(keys, _bearer(FIRST)) is ProblemKind.KEY_REFUSED


def test_a_key_is_refused_from_its_expiry_on() -> None:
    """Also when it was verified before."""
    clock = FakeClock(NOW)
    keys = AccessKeys(clock)
    keys.remember([access_key(FIRST, expires_at=NOW + timedelta(seconds=10))])
    keys.holder(_bearer(FIRST))
    clock.advance(9.9)
    keys.holder(_bearer(FIRST))
    clock.advance(0.1)
    assert _refusal(keys, _bearer(FIRST)) is ProblemKind.KEY_REFUSED


def test_what_was_verified_is_kept_within_bounds() -> None:
    """A caller can show its key in many spellings, and none may grow the memory for ever."""
    keys = AccessKeys()
    keys.remember([access_key(FIRST)])
    for blanks in range(1, MOST_VERIFIED + 50):
        keys.holder(b"Bearer" + b" " * blanks + FIRST.encode())
    assert len(keys._verified) <= MOST_VERIFIED


def test_before_any_keys_are_known_a_key_is_neither_right_nor_wrong() -> None:
    """Refusing it would send its holder for another one."""
    keys = AccessKeys()
    assert _refusal(keys, _bearer(FIRST)) is ProblemKind.KEYS_UNKNOWN
    assert _refusal(keys, b"Bearer x") is ProblemKind.KEY_REFUSED
    keys.begin()
    keys.settle()
    assert _refusal(keys, _bearer(FIRST)) is ProblemKind.KEY_REFUSED


class _Topic:
    """A topic of keys, and a follower of it."""

    def __init__(self, file: Path | None) -> None:
        self.broker = FakeBroker()
        self.broker.create_topic(ACCESS_KEYS.name)
        self.keys = AccessKeys()
        self.file = None if file is None else KeyFile(file)

    def put(self, key: AccessKey, *, under: str | None = None) -> None:
        self.broker.append(outgoing(ACCESS_KEYS, key, source="/tests", id=UUID(int=1), key=under))

    def revoke(self, text: str) -> None:
        key_id = access_key(text).key_id
        self.broker.append(OutgoingRecord(topic=ACCESS_KEYS.name, key=key_id.encode(), value=None))

    async def follow(self, stop: asyncio.Event) -> None:
        topic = KeyTopic(self.keys, self.file, reopen_s=0.01)
        await topic.run(lambda: QuickReader(self.broker, ACCESS_KEYS.name), stop)

    def accepts(self, text: str) -> bool:
        return _refusal(self.keys, _bearer(text)) is None


@contextmanager
def _following(topic: _Topic) -> Iterator[asyncio.Event]:
    stop = asyncio.Event()
    task = asyncio.create_task(topic.follow(stop))
    try:
        yield stop
    finally:
        stop.set()
        task.add_done_callback(lambda done: done.cancelled() or done.result())


async def test_keys_come_and_go_with_the_topic(tmp_path: Path) -> None:
    """Nobody restarts a predictor for a key."""
    topic = _Topic(tmp_path / "keys.json")
    topic.put(access_key(FIRST))
    with _following(topic):
        await eventually(lambda: topic.accepts(FIRST))
        topic.put(access_key(SECOND))
        await eventually(lambda: topic.accepts(SECOND))
        topic.revoke(FIRST)
        await eventually(lambda: not topic.accepts(FIRST))
        assert topic.accepts(SECOND)


async def test_a_key_that_was_revoked_before_is_never_accepted(tmp_path: Path) -> None:
    """The topic holds the making and the revoking for a while, and is read from its beginning."""
    topic = _Topic(tmp_path / "keys.json")
    topic.put(access_key(FIRST))
    topic.revoke(FIRST)
    topic.put(access_key(SECOND))
    topic.keys.begin()
    topic.keys.put(access_key(FIRST))
    assert not topic.accepts(FIRST)
    with _following(topic):
        await eventually(lambda: topic.accepts(SECOND))
        assert not topic.accepts(FIRST)


async def test_a_message_that_is_no_key_of_its_own_id_changes_nothing(tmp_path: Path) -> None:
    """Under another's id it would replace that key."""
    topic = _Topic(tmp_path / "keys.json")
    topic.put(access_key(FIRST))
    topic.put(access_key(SECOND), under=access_key(FIRST).key_id)
    topic.broker.append(OutgoingRecord(topic=ACCESS_KEYS.name, key=b"x", value=b"{}"))
    topic.broker.append(OutgoingRecord(topic=ACCESS_KEYS.name, key=b"\xff", value=None))
    with _following(topic):
        await eventually(lambda: topic.accepts(FIRST))
        assert not topic.accepts(SECOND)


async def test_a_new_process_knows_the_keys_of_the_one_before_while_kafka_is_away(tmp_path: Path) -> None:
    """An outage of Kafka and a restart must not add up to one of predictions."""
    file = tmp_path / "state" / "keys.json"
    before = _Topic(file)
    before.put(access_key(FIRST))
    with _following(before):
        await eventually(lambda: file.exists())
    after = _Topic(file)
    after.broker.away = True
    with _following(after):
        await eventually(lambda: after.accepts(FIRST))
        assert _refusal(after.keys, _bearer(SECOND)) is ProblemKind.KEY_REFUSED


async def test_a_key_revoked_while_no_process_ran_is_refused_once_the_topic_is_read(tmp_path: Path) -> None:
    """Compaction may have taken the last trace of it: what the topic does not have is no key."""
    file = tmp_path / "keys.json"
    KeyFile(file).save((access_key(FIRST), access_key(SECOND)))
    topic = _Topic(file)
    topic.put(access_key(SECOND))
    with _following(topic):
        await eventually(lambda: topic.accepts(SECOND))
        await eventually(lambda: not topic.accepts(FIRST))
        assert topic.accepts(SECOND)
        await eventually(lambda: KeyFile(file).load() == (access_key(SECOND),))


def test_the_file_holds_digests_for_its_owner_alone(tmp_path: Path) -> None:
    """A copy of it opens nothing."""
    file = tmp_path / "keys.json"
    KeyFile(file).save((access_key(FIRST),))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert FIRST[20:] not in file.read_text()
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("content", [b"", b"{}", b"[{]", b"\xff", b'[{"key_id": "x"}]'])
def test_a_damaged_file_counts_as_none(tmp_path: Path, content: bytes) -> None:
    """The topic has all that it had."""
    file = tmp_path / "keys.json"
    file.write_bytes(content)
    assert KeyFile(file).load() is None


async def test_a_file_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    """A full disk is no reason to refuse a key that is known."""
    (tmp_path / "file").write_text("")
    topic = _Topic(tmp_path / "file" / "keys.json")
    topic.put(access_key(FIRST))
    with _following(topic):
        await eventually(lambda: topic.accepts(FIRST))
        topic.revoke(FIRST)
        await eventually(lambda: not topic.accepts(FIRST))
