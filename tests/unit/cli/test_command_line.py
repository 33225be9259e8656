"""Faults of the command line are found before anything is asked of anybody."""

import pytest
from readmit_cli.app import build
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from typer.testing import CliRunner


def code_of(*arguments: str) -> int:
    """Give the code that the command line ends with; the network is shut, so nothing can be asked."""
    result = CliRunner().invoke(build(), arguments)
    if isinstance(result.exception, CommandFailed):
        return result.exception.code
    return result.exit_code


@pytest.mark.parametrize(
    "arguments",
    [
        ("ingest", "start", "--train", "some"),
        ("ingest", "start", "--then", "dance"),
        ("ingest", "start", "--dataset-sha256", "abc"),
        ("ingest", "start", "--command-id", "7"),
        ("ingest", "cancel", "last"),
        ("ingest", "cancel", "last", "--reason", ""),
        ("ingest", "cancel", "last", "--reason", "two\nlines"),
        ("ingest", "reset", "--yes"),
        ("ingest", "reset", "--yes", "--reason", "x" * 201),
        ("ingest", "verify"),
        ("train", "--model", "No Name"),
        ("models", "list", "--limit", "0"),
        ("models", "show"),
        ("models", "promote", "1"),
        ("models", "promote", "1", "--reason", ""),
        ("models", "promote", "1", "--reason", "better", "--expected-epoch", "0"),
        ("models", "rollback"),
        ("models", "rollback", "--reason", "worse", "--to-epoch", "0"),
        ("models", "rollback", "--reason", "worse", "--actor", "two\nlines"),
        ("models", "converge", "--epoch", "0"),
        ("models", "converge", "--timeout", "soon"),
        ("models", "converge", "--timeout", "-1"),
        ("models", "converge", "--model", "No Name"),
        ("predict", "--file", "/no/such/file.json"),
        ("keys", "create"),
        ("keys", "create", "--label", ""),
        ("keys", "create", "--label", "two\nlines"),
        ("keys", "create", "--label", "x", "--days", "0"),
        ("keys", "revoke"),
        ("status", "--interval", "2"),
        ("status", "--watch"),
        ("status", "--watch", "--interval", "0"),
        ("topics", "tail"),
        ("topics", "tail", "readmit.nothing.v1"),
        ("topics", "tail", "ingestion.events", "--limit", "-1"),
        ("topics", "tail", "ingestion.events", "--since", "yesterday"),
        ("topics", "tail", "ingestion.events", "--since", "999999d"),
        ("topics", "tail", "ingestion.events", "--from", "140"),
        ("topics", "tail", "ingestion.events", "--run", "ab"),
        ("topics", "tail", "ingestion.events", "--from", "0@1", "--from-beginning"),
        ("topics", "describe", "readmit.nothing.v1"),
        ("topics", "describe", "ingestion.events", "--size", "huge"),
        ("topics", "lag", "--topic", "readmit.nothing.v1"),
        ("topics", "create"),
        ("topics", "create", "--size", "huge"),
        ("topics", "create", "--size", "local", "--replication", "0"),
        ("topics", "dead-letters", "list", "readmit.nothing.v1"),
        ("topics", "dead-letters", "show", "ingestion.events", "140"),
        ("topics", "produce", "ingestion.commands", "--type", "StartIngestion"),
        ("topics", "produce", "ingestion.commands", "--type", "StartIngestion", "--file", "/no/such/file.json"),
        ("topics", "produce", "ingestion.events", "--type", "BatchStored", "--file", "/dev/null"),
        ("topics", "produce", "readmit.nothing.v1", "--type", "StartIngestion", "--file", "/dev/null"),
    ],
)
def test_a_wrong_command_line_ends_with_the_code_for_usage(arguments):
    """A script can tell its own fault from the system's."""
    assert code_of(*arguments) == ExitCode.USAGE


@pytest.mark.parametrize(
    "group",
    [
        (),
        ("topics",),
        ("ingest",),
        ("ingest", "start"),
        ("topics", "tail"),
        ("topics", "describe"),
        ("topics", "lag"),
        ("topics", "dead-letters"),
        ("topics", "produce"),
        ("status",),
        ("train",),
        ("models",),
        ("models", "promote"),
        ("predict",),
        ("keys",),
        ("keys", "create"),
        ("demo",),
    ],
)
def test_every_command_explains_itself(group):
    """`--help` is the first thing people type."""
    result = CliRunner().invoke(build(), [*group, "--help"])
    assert result.exit_code == ExitCode.DONE
    assert "Usage" in result.output


def test_settings_that_are_not_valid_are_named_by_their_variable(monkeypatch):
    """The value may be a secret, so it is not."""
    monkeypatch.setenv("READMIT_CLI_READER__PORT", "secret")
    result = CliRunner().invoke(build(), ["ingest", "status"])
    assert isinstance(result.exception, CommandFailed)
    assert result.exception.code is ExitCode.USAGE
    assert "READMIT_CLI_READER__PORT" in str(result.exception)
    assert "secret" not in str(result.exception)
