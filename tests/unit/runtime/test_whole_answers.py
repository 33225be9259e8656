"""An answer leaves in one piece, and nothing of it is ever held back for good."""

import asyncio

import pytest
from readmit_runtime.whole_answers import WholeAnswers

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class FakeTransport(asyncio.Transport):
    """Notes what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:  # type: ignore[override]
        """Note it."""
        self.written.append(data)

    def close(self) -> None:
        """Note the end."""
        self.closed = True

    def is_closing(self) -> bool:
        """Tell whether it was closed."""
        return self.closed


@pytest.fixture
def transport() -> FakeTransport:
    """Give what they are written to."""
    return FakeTransport()


@pytest.fixture
def answers(transport: FakeTransport) -> WholeAnswers:
    """Give the answers of a new connection."""
    return WholeAnswers(transport, closing=lambda: None)


def test_head_and_body_leave_together(transport: FakeTransport, answers: WholeAnswers) -> None:
    """Each write wakes the reader, and costs more than making most answers."""
    answers.write(HEAD)
    assert transport.written == []
    answers.write(b"{}")
    assert transport.written == [HEAD + b"{}"]


def test_what_comes_after_the_first_piece_of_a_body_is_not_kept(
    transport: FakeTransport, answers: WholeAnswers
) -> None:
    """A long answer is sent as it comes."""
    for data in (HEAD, b"{", b"HTTP/", b"}"):
        answers.write(data)
    assert transport.written == [HEAD + b"{", b"HTTP/", b"}"]


def test_an_answer_without_a_body_leaves_when_it_is_complete(transport: FakeTransport, answers: WholeAnswers) -> None:
    """Nothing follows the head of an answer to HEAD, or of a 204."""
    answers.write(HEAD)
    answers.flush()
    answers.flush()
    assert transport.written == [HEAD]


def test_the_go_ahead_for_a_body_is_not_kept(transport: FakeTransport, answers: WholeAnswers) -> None:
    """The caller waits for it, and we for the caller: kept, both would wait for ever."""
    go_ahead = b"HTTP/1.1 100 Continue\r\n\r\n"
    answers.write(go_ahead)
    assert transport.written == [go_ahead]


def test_what_is_kept_leaves_before_the_connection_ends(transport: FakeTransport, answers: WholeAnswers) -> None:
    """uvicorn refuses a malformed request by one write and a close."""
    answers.write(HEAD)
    answers.close()
    assert (transport.written, answers.is_closing()) == ([HEAD], True)


def test_the_end_of_a_connection_is_told_once(transport: FakeTransport) -> None:
    """Then begins the time for the client to take what is left, and it is gone when the client is."""
    told: list[bool] = []
    answers = WholeAnswers(transport, closing=lambda: told.append(transport.closed))
    answers.close()
    answers.close()
    assert told == [False]
