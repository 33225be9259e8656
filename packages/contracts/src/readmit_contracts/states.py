"""Say what every event does to a run, a batch and a training job, whatever state it is in.

The services hold these rules in the conditions of their SQL. This table is what those are tested against, pair by
pair, and what `docs/guarantees.md` shows. A row of a machine gives the outcomes in the order of its states.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, Generic, TypeVar

import msgspec

from readmit_contracts.reasons import Reason


class RunState(StrEnum):
    """The states of a run."""

    PLANNED = "planned"
    STREAMING = "streaming"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


class BatchState(StrEnum):
    """The states of a batch within one generation of the store."""

    PLANNED = "planned"
    STORED = "stored"
    CLEAN = "clean"
    FAILED = "failed"


class JobState(StrEnum):
    """The states of a training job."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunEvent(StrEnum):
    """What can happen to a run; the value is what the document says."""

    STARTED = "`StartIngestion` that makes it; later the same command again"
    ID_REUSED = "a command with the id of that `StartIngestion` and other content"
    CLAIMED = "a worker looks for a run to stream"
    SENT = "the worker says that all was sent"
    SOURCE_FAULT = "the worker says that the file is gone or is another one"
    BATCH_FAILED = "one of its batches fails"
    BATCHES_CLEAN = "the last of its batches is clean"
    CANCELLED = "`CancelIngestion`"
    RESUMED = "`ResumeIngestion`"
    RESUMED_OVER_LIMIT = "`ResumeIngestion` while one of its batches is over the quarantine limit"
    RESUMED_AFTER_RESET = "`ResumeIngestion` after the store was reset"
    COMMAND_REPEATED = "a `CancelIngestion` or `ResumeIngestion` that was handled comes again"
    STORE_RESET = "`ResetStore`"
    CLEAN_REBUILT = "`RebuildClean`"


class BatchEvent(StrEnum):
    """What can happen to a batch; the value is what the document says."""

    PLANNED = "a run over its dataset is planned"
    CHUNK = "a chunk as planned; rows are still missing afterwards"
    LAST_CHUNK = "a chunk as planned; no row is missing afterwards"
    BAD_CHUNK = "a chunk whose bad rows bring it over the quarantine limit"
    CHUNK_REPEATED = "a chunk that stands in the ledger"
    CHUNK_CONFLICT = "a chunk with another digest than planned"
    CHUNK_OUTDATED = "a chunk of an older generation"
    CLEANED = "the cleaner looks for a batch"
    CLEANED_OVER_LIMIT = "the cleaner, and rows of other splits bring it over the quarantine limit"
    RUN_CANCELLED = "`CancelIngestion` of a run that wants it"
    RUN_RESUMED = "`ResumeIngestion` of a failed run that wants it; rows are missing"
    RUN_RESUMED_FULL = "`ResumeIngestion` of a failed run that wants it; no row is missing"
    RUN_RESUMED_OVER_LIMIT = "`ResumeIngestion` of a failed run that wants it; this batch or another is over the limit"
    STORE_RESET = "`ResetStore` that is accepted"
    CLEAN_REBUILT = "`RebuildClean`"
    CLEAN_REBUILT_ALTERED = "`RebuildClean` after raw rows of this batch were altered"


class JobEvent(StrEnum):
    """What can happen to a training job; the value is what the document says."""

    ASKED = "a completed run or a `TrainModel` asks for it, by a command not seen before"
    ASKED_AFTER_RESET = "the same, in a later generation of the store"
    ASKED_WITHOUT_ROWS = "the same, with a training set without train or validation rows"
    COMMAND_REPEATED = "a message that asked for it comes again"
    CLAIMED = "a worker looks for a job"
    LEASE_EXPIRED = "its worker's lease runs out, and another worker looks for a job"
    TRIES_EXHAUSTED = "a worker takes it once more than it may be tried"
    GIVEN_BACK = "the worker that holds it is stopped, or a dependency is away"
    FINISHED = "the worker that holds it says that the model is in the object store"
    FAILED = "the worker that holds it says that there is no model"
    LATE_WORKER = "a worker that lost its lease says either"
    CANCELLED = "`CancelTraining`"
    STORE_RESET = "`ResetStore` that was accepted"


class Refused(msgspec.Struct, frozen=True):
    """Nothing changes; the message is parked with the reason, and a command's answer names it."""

    reason: Reason


class NoChange(msgspec.Struct, frozen=True):
    """The event has no effect on the state: it is late, repeated, or about something else."""


State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)


class Machine(msgspec.Struct, Generic[State, Event], frozen=True):
    """Every pair of a state and an event has an entry; None is the state of what does not exist yet."""

    states: tuple[State | None, ...]
    entries: Mapping[tuple[State | None, Event], State | NoChange | Refused]

    @property
    def events(self) -> tuple[Event, ...]:
        """The events, each once, in the order of the table."""
        return tuple(dict.fromkeys(event for _, event in self.entries))

    def after(self, state: State | None, event: Event) -> State | NoChange | Refused:
        """Return what `event` does in `state`: the state that follows, no change, or the refusal."""
        return self.entries[state, event]


SAME: Final = NoChange()
_UNKNOWN_RUN: Final = Refused(Reason.UNKNOWN_RUN)
_RUN_STATE: Final = Refused(Reason.RUN_STATE)
_ID_REUSED: Final = Refused(Reason.COMMAND_CONFLICT)
_UNKNOWN_BATCH: Final = Refused(Reason.UNKNOWN_BATCH)
_CONFLICT: Final = Refused(Reason.CHUNK_CONFLICT)
_LIMIT: Final = Refused(Reason.QUARANTINE_LIMIT)
_RESET: Final = Refused(Reason.STORE_RESET)
_BUSY: Final = Refused(Reason.STORE_BUSY)
_CHANGED: Final = Refused(Reason.DATASET_CHANGED)
_UNKNOWN_JOB: Final = Refused(Reason.UNKNOWN_JOB)
_REFUSED: Final = Refused(Reason.REFUSED)


def _machine(states: type[State], rows: Mapping[Event, Sequence[State | NoChange | Refused]]) -> Machine[State, Event]:
    columns: tuple[State | None, ...] = (None, *states)
    pairs = {
        (state, event): outcome
        for event, outcomes in rows.items()
        for state, outcome in zip(columns, outcomes, strict=True)
    }
    return Machine(columns, pairs)


_R, _B, _J = RunState, BatchState, JobState

# Read by columns, therefore not formatted.
# fmt: off
RUNS: Final = _machine(RunState, {
    #                                none          planned        streaming      completed   cancelled   failed
    RunEvent.STARTED:               (_R.PLANNED,   SAME,          SAME,          SAME,       SAME,       SAME),
    RunEvent.ID_REUSED:             (_ID_REUSED,   _ID_REUSED,    _ID_REUSED,    _ID_REUSED, _ID_REUSED, _ID_REUSED),
    RunEvent.CLAIMED:               (SAME,         _R.STREAMING,  SAME,          SAME,       SAME,       SAME),
    RunEvent.SENT:                  (SAME,         SAME,          SAME,          SAME,       SAME,       SAME),
    RunEvent.SOURCE_FAULT:          (SAME,         SAME,          _R.FAILED,     SAME,       SAME,       SAME),
    RunEvent.BATCH_FAILED:          (SAME,         _R.FAILED,     _R.FAILED,     SAME,       SAME,       SAME),
    RunEvent.BATCHES_CLEAN:         (SAME,         _R.COMPLETED,  _R.COMPLETED,  SAME,       SAME,       SAME),
    RunEvent.CANCELLED:             (_UNKNOWN_RUN, _R.CANCELLED,  _R.CANCELLED,  _RUN_STATE, _RUN_STATE, _RUN_STATE),
    RunEvent.RESUMED:               (_UNKNOWN_RUN, _RUN_STATE,    _RUN_STATE,    _RUN_STATE, _RUN_STATE, _R.STREAMING),
    RunEvent.RESUMED_OVER_LIMIT:    (_UNKNOWN_RUN, _RUN_STATE,    _RUN_STATE,    _RUN_STATE, _RUN_STATE, _LIMIT),
    RunEvent.RESUMED_AFTER_RESET:   (_UNKNOWN_RUN, _RUN_STATE,    _RUN_STATE,    _RUN_STATE, _RUN_STATE, _RESET),
    RunEvent.COMMAND_REPEATED:      (SAME,         SAME,          SAME,          SAME,       SAME,       SAME),
    RunEvent.STORE_RESET:           (SAME,         _BUSY,         _BUSY,         SAME,       SAME,       SAME),
    RunEvent.CLEAN_REBUILT:         (SAME,         SAME,          SAME,          SAME,       SAME,       SAME),
})

BATCHES: Final = _machine(BatchState, {
    #                                    none            planned       stored       clean      failed
    BatchEvent.PLANNED:                 (_B.PLANNED,     SAME,         SAME,        SAME,      SAME),
    BatchEvent.CHUNK:                   (_UNKNOWN_BATCH, SAME,         SAME,        SAME,      SAME),
    BatchEvent.LAST_CHUNK:              (_UNKNOWN_BATCH, _B.STORED,    SAME,        SAME,      SAME),
    BatchEvent.BAD_CHUNK:               (_UNKNOWN_BATCH, _B.FAILED,    SAME,        SAME,      SAME),
    BatchEvent.CHUNK_REPEATED:          (_UNKNOWN_BATCH, SAME,         SAME,        SAME,      SAME),
    BatchEvent.CHUNK_CONFLICT:          (_UNKNOWN_BATCH, _B.FAILED,    _CONFLICT,   _CONFLICT, _CONFLICT),
    BatchEvent.CHUNK_OUTDATED:          (SAME,           SAME,         SAME,        SAME,      SAME),
    BatchEvent.CLEANED:                 (SAME,           SAME,         _B.CLEAN,    SAME,      SAME),
    BatchEvent.CLEANED_OVER_LIMIT:      (SAME,           SAME,         _B.FAILED,   SAME,      SAME),
    BatchEvent.RUN_CANCELLED:           (_UNKNOWN_RUN,   SAME,         SAME,        SAME,      SAME),
    BatchEvent.RUN_RESUMED:             (_UNKNOWN_RUN,   SAME,         SAME,        SAME,      _B.PLANNED),
    BatchEvent.RUN_RESUMED_FULL:        (_UNKNOWN_RUN,   SAME,         SAME,        SAME,      _B.STORED),
    BatchEvent.RUN_RESUMED_OVER_LIMIT:  (_UNKNOWN_RUN,   _LIMIT,       _LIMIT,      _LIMIT,    _LIMIT),
    BatchEvent.STORE_RESET:             (SAME,           SAME,         SAME,        SAME,      SAME),
    BatchEvent.CLEAN_REBUILT:           (SAME,           SAME,         SAME,        SAME,      SAME),
    BatchEvent.CLEAN_REBUILT_ALTERED:   (SAME,           SAME,         SAME,        _CHANGED,  SAME),
})

JOBS: Final = _machine(JobState, {
    #                              none          waiting         running         done       failed       cancelled
    JobEvent.ASKED:               (_J.WAITING,   SAME,           SAME,           SAME,      _J.WAITING,  _J.WAITING),
    JobEvent.ASKED_AFTER_RESET:   (_J.WAITING,   SAME,           _J.WAITING,     SAME,      _J.WAITING,  _J.WAITING),
    JobEvent.ASKED_WITHOUT_ROWS:  (_J.FAILED,    _J.FAILED,      _J.FAILED,      SAME,      SAME,        _J.FAILED),
    JobEvent.COMMAND_REPEATED:    (SAME,         SAME,           SAME,           SAME,      SAME,        SAME),
    JobEvent.CLAIMED:             (SAME,         _J.RUNNING,     SAME,           SAME,      SAME,        SAME),
    JobEvent.LEASE_EXPIRED:       (SAME,         _J.RUNNING,     SAME,           SAME,      SAME,        SAME),
    JobEvent.TRIES_EXHAUSTED:     (SAME,         _J.FAILED,      _J.FAILED,      SAME,      SAME,        SAME),
    JobEvent.GIVEN_BACK:          (SAME,         SAME,           _J.WAITING,     SAME,      SAME,        SAME),
    JobEvent.FINISHED:            (SAME,         SAME,           _J.DONE,        SAME,      SAME,        SAME),
    JobEvent.FAILED:              (SAME,         SAME,           _J.FAILED,      SAME,      SAME,        SAME),
    JobEvent.LATE_WORKER:         (SAME,         SAME,           SAME,           SAME,      SAME,        SAME),
    JobEvent.CANCELLED:           (_UNKNOWN_JOB, _J.CANCELLED,   _J.CANCELLED,   _REFUSED,  _REFUSED,    _REFUSED),
    JobEvent.STORE_RESET:         (SAME,         _J.FAILED,      _J.FAILED,      SAME,      SAME,        SAME),
})
# fmt: on
