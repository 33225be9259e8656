"""Park a message that can never succeed: its original bytes, with headers that say why and where it was."""

import hashlib
from uuid import UUID, uuid5

from readmit_contracts.ids import NAMESPACE

from readmit_runtime.messages import IncomingRecord, OutgoingRecord

SUFFIX = ".dlq"
PREFIX = "readmit_dlq_"
DETAIL_MAX = 500
KEY_MAX_BYTES = 1_000
HEADER_BYTES = 10  # at most, for the two lengths that are written with each header
WHOLE_MAX_BYTES = 900_000  # with the headers added here it stays below the topics' limit of 1 MiB, uncompressed too


class TooManyDeadLetters(Exception):
    """So many messages in a row were parked that the fault is likelier here than in them; a person should look."""


def dead_letter(record: IncomingRecord, reason: str, detail: str, *, consumer: str) -> OutgoingRecord:
    """Return the record for the topic's dead letter topic; the same arguments give the same bytes.

    The original headers stay, but for those of an earlier parking. `detail` is for people and holds no value of a row.
    A record that would not fit (it can unpack to more than its topic's limit) is parked without value and headers;
    `readmit_dlq_omitted_bytes` says so, and the original stays at its coordinates until its topic's retention ends.
    """
    key, value = record.key or b"", record.value
    headers = tuple((name, value) for name, value in record.headers if not name.startswith(PREFIX))
    why = {
        "reason": reason,
        "detail": detail[:DETAIL_MAX],
        "consumer": consumer,
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
    }
    size = len(key) + len(value or b"") + sum(len(name.encode()) + len(text) + HEADER_BYTES for name, text in headers)
    if size > WHOLE_MAX_BYTES:
        why["omitted_bytes"] = str(size)
        key, value, headers = key[:KEY_MAX_BYTES], None, ()
    return OutgoingRecord(
        topic=record.topic + SUFFIX,
        key=key,
        value=value,
        headers=(*headers, *((PREFIX + name, text.encode()) for name, text in why.items())),
    )


def dead_letter_id(record: IncomingRecord) -> UUID:
    """Return the id under which a record is parked, in the outbox: however often it is delivered, it is parked once.

    The digest tells records apart that had the same coordinates before and after a topic was made anew.
    """
    digest = hashlib.sha256(record.value or b"").hexdigest()
    return uuid5(NAMESPACE, f"dead-letter:{record.topic}:{record.partition}:{record.offset}:{digest}")


class DeadLetterLimit:
    """Counts messages parked in a row, so that a wrong release stops instead of parking a whole topic.

    One good message starts the count anew. The count is the process's own: a restart grants another `consecutive`.
    """

    def __init__(self, consecutive: int) -> None:
        if consecutive < 1:
            raise ValueError("The limit of dead letters in a row must be at least 1.")
        self._limit = consecutive
        self._in_a_row = 0

    def observe(self, good: int, parked: int) -> None:
        """Count one group's messages; call it before its transaction commits.

        Raises TooManyDeadLetters, upon which the transaction is rolled back and the process ends: nothing of the
        group is parked and nothing committed.
        """
        self._in_a_row = 0 if good > 0 else self._in_a_row + parked
        if self._in_a_row > self._limit:
            raise TooManyDeadLetters(
                f"{self._in_a_row} messages in a row were unacceptable (limit {self._limit}). Nothing of the last "
                "group was parked or committed; compare the newest release with the messages, then start again."
            )
