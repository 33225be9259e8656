"""Tests of reading logs that somebody else writes."""

import pytest
from readmit_cli.stack.log_files import LogFollower, last_lines


@pytest.fixture
def log(tmp_path):
    """Give a log with three lines."""
    file = tmp_path / "kafka.log"
    file.write_text("one\ntwo\nthree\n")
    return file


def test_the_last_lines_come_in_order(log):
    """One reads from old to new."""
    assert last_lines(log, 2) == ["two", "three"]
    assert last_lines(log, 0) == []


def test_only_what_is_added_is_followed(log):
    """What was there has been printed."""
    follower = LogFollower(log)
    with log.open("a") as file:
        file.write("four\nfi")
        file.flush()
        assert follower.new_lines() == ["four"]
        file.write("ve\n")
    assert follower.new_lines() == ["five"]
    follower.close()


def test_a_rotated_log_is_followed_under_its_name(log):
    """The supervisor renames a full log and begins a new one."""
    follower = LogFollower(log)
    log.rename(log.with_suffix(".log.1"))
    assert follower.new_lines() == []
    log.write_text("first of the new\n")
    assert follower.new_lines() == ["first of the new"]
    follower.close()


def test_a_log_that_was_emptied_is_followed_from_its_beginning(log):
    """Some people empty a log instead of removing it."""
    follower = LogFollower(log)
    log.write_text("new\n")
    assert follower.new_lines() == ["new"]
    follower.close()
