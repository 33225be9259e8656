"""Tests of where a stack's files lie."""

import contextlib
import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.state_directory import LONGEST_SOCKET_PATH, StateDirectory, first_closed_folder

SOMEBODY_ELSE = pwd.struct_passwd(("somebody", "x", 65_501, 65_501, "", "/", "/bin/sh"))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder that everybody may pass, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_the_socket_lies_in_the_state_directory(tmp_path):
    """What belongs to a stack lies in its folder, unless it cannot."""
    state = StateDirectory(tmp_path / "s")
    assert state.supervisor_socket.parent == state.root


def test_a_path_too_long_for_a_socket_gives_a_short_one(tmp_path):
    """The kernel takes 107 bytes, and a checkout may lie deep."""
    deep = StateDirectory(tmp_path / ("d" * LONGEST_SOCKET_PATH))
    assert len(os.fsencode(deep.supervisor_socket)) <= LONGEST_SOCKET_PATH


def test_two_deep_state_directories_have_two_sockets(tmp_path):
    """Two stacks on one socket would stop each other."""
    deep = tmp_path / ("d" * LONGEST_SOCKET_PATH)
    assert StateDirectory(deep / "a").supervisor_socket != StateDirectory(deep / "b").supervisor_socket


def test_the_folder_of_short_sockets_is_closed_to_others(tmp_path):
    """Under /tmp anybody could otherwise put a socket of the same name there first."""
    deep = StateDirectory(tmp_path / "d" / ("d" * LONGEST_SOCKET_PATH))
    deep.create()
    folder = deep.supervisor_socket.parent
    assert folder.stat().st_mode & 0o077 == 0
    with contextlib.suppress(OSError):  # a running stack may have its socket there
        folder.rmdir()


@pytest.mark.parametrize("name", ['a"b', "a'b", "a%b", "a ;b", "a #b", "a\nb"])
def test_a_name_that_the_supervisor_cannot_read_back_is_refused(tmp_path, name):
    """It would be cut off in the middle, and the files would land elsewhere."""
    with pytest.raises(StackError):
        StateDirectory(tmp_path / name)


def test_a_folder_closed_to_others_is_found(open_folder):
    """Postgres' own message names neither the folder nor the reason."""
    closed = open_folder / "closed"
    (closed / "state").mkdir(parents=True)
    closed.chmod(0o700)
    assert first_closed_folder(closed / "state" / "not-yet", SOMEBODY_ELSE) == closed


def test_an_open_way_is_no_obstacle(open_folder):
    """The check must not send people away from a folder that works."""
    assert first_closed_folder(open_folder / "state", SOMEBODY_ELSE) is None
