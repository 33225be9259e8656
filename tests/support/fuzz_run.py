"""Send fuzzed requests to a predictor by several callers, and end at the first wrong answer."""

import threading
import time
from collections import Counter
from collections.abc import Iterable

from support.fuzz_judge import Judge, Wrong
from support.fuzz_requests import Fuzzed, RequestMaker
from support.raw_http import AnswerMissing, Connection

PAUSE_S = 0.02
SHOWN_BYTES = 3_000


class FuzzRun:
    """A run over many requests. What its callers count is shared."""

    def __init__(self, port: int, maker: RequestMaker, judge: Judge) -> None:
        self.port = port
        self.judge = judge
        self._maker = maker
        self._counting = threading.Lock()
        self.kinds: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.failures: list[str] = []

    @property
    def sent(self) -> int:
        """How many requests were sent."""
        return self.kinds.total()

    def call(self, numbers: Iterable[int]) -> None:
        """Send these requests one after the other, as one caller; all callers end at the first failure of any."""
        caller = _Caller(self)
        for number in numbers:
            if self.failures:
                break
            fuzzed = self._maker.make(number)
            try:
                outcomes = caller.send(number, fuzzed)
            except (Wrong, AnswerMissing, OSError) as error:
                self.failures.append(self._report(number, fuzzed, error))
                break
            with self._counting:
                self.kinds[fuzzed.kind] += 1
                self.outcomes.update(outcomes)
        caller.leave()

    def _report(self, number: int, fuzzed: Fuzzed, error: Exception) -> str:
        sent = b"".join(fuzzed.parts)
        return (
            f"request {number}, {fuzzed.kind}: {type(error).__name__}: {error}\n"
            f"sent, {len(sent)} bytes: {sent[:SHOWN_BYTES]!r}\n"
            f"once more: make fuzz-test SEED={self._maker.seed} FIRST={number} REQUESTS=1"
        )


class _Ended(Exception):
    """The connection ended before an answer began."""


class _Caller:
    def __init__(self, run: FuzzRun) -> None:
        self._run = run
        self._connection: Connection | None = None

    def send(self, number: int, fuzzed: Fuzzed) -> list[str]:
        """Send a request and give the outcomes; raises Wrong or AnswerMissing."""
        if self._connection is not None:
            try:
                return self._try(number, fuzzed, self._connection)
            except _Ended:
                self.leave()  # the server ends a connection that was idle; a new one it has to answer
        self._connection = Connection(self._run.port)
        try:
            return self._try(number, fuzzed, self._connection)
        except _Ended:
            raise Wrong("the connection ended without an answer") from None

    def leave(self, *, abruptly: bool = False) -> None:
        """End the connection, if there is one."""
        if self._connection is not None:
            self._connection.close(abruptly=abruptly)
            self._connection = None

    def _try(self, number: int, fuzzed: Fuzzed, connection: Connection) -> list[str]:
        for place, part in enumerate(fuzzed.parts):
            if place:
                time.sleep(PAUSE_S)
            connection.send(part)
        if fuzzed.leaves:
            self.leave(abruptly=fuzzed.leaves == "reset")
            return []
        return (
            self._until_control(number, fuzzed, connection)
            if fuzzed.control
            else self._each(number, fuzzed, connection)
        )

    def _each(self, number: int, fuzzed: Fuzzed, connection: Connection) -> list[str]:
        outcomes: list[str] = []
        for expected in fuzzed.answers:
            answer = connection.answer(bodyless=expected.bodyless)
            if answer is None:
                if outcomes:
                    raise Wrong(f"the connection ended after {len(outcomes)} of {len(fuzzed.answers)} answers")
                raise _Ended
            outcomes.append(self._run.judge.judge(answer, expected, number))
            if answer.closes:
                self.leave()
        return outcomes

    def _until_control(self, number: int, fuzzed: Fuzzed, connection: Connection) -> list[str]:
        outcomes: list[str] = []
        while True:
            answer = connection.answer()
            if answer is None:
                if not outcomes:
                    raise _Ended
                self.leave()
                return outcomes
            control = fuzzed.control if fuzzed.control and answer.request_id == fuzzed.control.request_id else None
            outcomes.append(self._run.judge.judge(answer, control, number))
            if answer.closes:
                self.leave()
            if answer.closes or control:
                return outcomes
