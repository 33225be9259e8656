"""Logs are JSON lines with fields, and no text of an error brings a value into them."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import structlog
from readmit_runtime.errors import Rejected
from readmit_runtime.logs import configure, describe, error_fields

CANARY = "canary-7f3a"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Configure logging as a service does; what it writes can be read here."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    configure(service="ingestor", level="INFO", stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)


def written(stream: io.StringIO) -> list[dict[str, Any]]:
    """Read the lines back."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_its_fields(stream: io.StringIO) -> None:
    """Fields can be searched; sentences can't."""
    run_id = UUID(int=7)
    structlog.get_logger("ingestor.store").info("batch_stored", rows=500, run_id=run_id)
    structlog.get_logger("ingestor.store").debug("unseen")

    (line,) = written(stream)
    assert line["event"] == "batch_stored"
    assert line["rows"] == 500
    assert line["run_id"] == str(run_id)
    assert line["service"] == "ingestor"
    assert line["level"] == "info"
    assert line["logger"] == "ingestor.store"
    assert str(line["time"]).endswith("Z")


def test_libraries_log_through_the_same_form(stream: io.StringIO) -> None:
    """A log in two forms is read by no machine."""
    logging.getLogger("aiokafka.consumer").warning("heartbeat failed: %s", "soon again")

    (line,) = written(stream)
    assert line["event"] == "heartbeat failed: soon again"
    assert line["level"] == "warning"
    assert line["service"] == "ingestor"


@pytest.mark.parametrize("through", ["structlog", "logging"])
def test_the_text_of_a_foreign_error_is_not_logged_and_its_place_is(stream: io.StringIO, through: str) -> None:
    """`int()` puts the row's value into its message; so do decoders and the database."""
    try:
        int(CANARY)
    except ValueError:
        if through == "structlog":
            structlog.get_logger().exception("row_failed")
        else:
            logging.getLogger("some.library").exception("row_failed")

    (line,) = written(stream)
    assert CANARY not in stream.getvalue()
    assert line["error"] == "ValueError"
    assert any("test_logs" in frame for frame in line["frames"])


def test_an_object_among_the_fields_shows_its_type_only(stream: io.StringIO) -> None:
    """The representation of a row is the row."""

    class Row:
        def __repr__(self) -> str:
            return CANARY

    structlog.get_logger().info("row_seen", row=Row())

    assert CANARY not in stream.getvalue()
    assert "Row" in stream.getvalue()


def test_a_database_error_is_described_by_its_state_and_place() -> None:
    """Postgres puts the offending key's value into the detail of the text."""
    error = asyncpg.UniqueViolationError(f"duplicate key {CANARY}")
    error.detail = f"Key (encounter_id)=({CANARY}) already exists."
    error.schema_name, error.table_name, error.constraint_name = "raw", "train", "train_pkey"

    text = describe(error)

    assert CANARY not in text
    assert "23505" in text
    assert "raw.train.train_pkey" in text


def test_errors_of_the_house_and_of_the_system_keep_their_text() -> None:
    """Their texts are made to be read, and hold no values."""
    assert describe(Rejected("DECODE", "The value is no JSON.")).endswith("DECODE: The value is no JSON.")
    assert "refused" in describe(ConnectionRefusedError(111, "Connection refused"))


def test_causes_and_members_of_groups_are_told() -> None:
    """The first error of a chain is the one to mend."""
    inner = ValueError(CANARY)
    try:
        try:
            raise inner
        except ValueError as error:
            raise Rejected("DECODE", "The value can't be read.") from error
    except Rejected as error:
        fields = error_fields(ExceptionGroup("several", [error]))

    (member,) = fields["members"]
    assert member["error"].endswith("DECODE: The value can't be read.")
    assert member["cause"]["error"] == "ValueError"
    assert CANARY not in json.dumps(fields)
