"""Tests of starts that fail: what happened, where, and what to do next."""

import socket
from pathlib import Path

import pytest
from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.ports import LOOPBACK
from readmit_cli.stack.programs import S3
from readmit_cli.stack.stack import Stack
from support.stack import temporary_stack


@pytest.fixture
def stack(tmp_path):
    """Give a stack whose object store is a script of the test's."""
    (tmp_path / "local").symlink_to(Checkout.find().templates)
    with temporary_stack() as real:
        yield Stack(real.state.root, real.ports, checkout=Checkout(tmp_path))


def _install_s3(stack: Stack, script: str) -> None:
    program: Path = stack.blueprint.checkout.s3(stack.blueprint.s3_server)
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_a_part_that_is_not_installed_names_the_command_that_installs_it(stack):
    """A newcomer may well begin with `readmit up`."""
    with pytest.raises(StackError, match="make install"):
        stack.up([S3])


def test_a_taken_port_is_named_with_its_setting(stack):
    """The server's own message is in a log that nobody has found yet."""
    _install_s3(stack, "exit 1")
    with socket.create_server((LOOPBACK, stack.ports.minio)), pytest.raises(StackError, match="READMIT_PORT_MINIO"):
        stack.up([S3])


def test_a_program_that_ends_at_once_is_told_with_the_end_of_its_log(stack):
    """Waiting out the whole minute would tell nobody more."""
    _install_s3(stack, "echo out of memory; exit 1")
    with pytest.raises(StackError, match="out of memory") as caught:
        stack.up([S3])
    assert str(stack.state.log(S3)) in str(caught.value)
