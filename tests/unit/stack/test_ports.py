"""Tests of the one place of ports."""

import pytest
from pydantic import ValidationError
from readmit_cli.stack.ports import FREE_PORT_RANGE, Ports


def test_no_two_parts_share_a_default_port():
    """One typed digit wrong would show only as a part that does not start."""
    ports = Ports.model_construct().model_dump()
    assert len(set(ports.values())) == len(ports)


def test_each_port_is_set_by_its_own_variable(monkeypatch):
    """A machine on which one default is taken needs a way out that touches no file."""
    monkeypatch.setenv("READMIT_PORT_KAFKA", "9092")
    assert Ports().kafka == 9092
    assert Ports().postgres == Ports.model_fields["postgres"].default


@pytest.mark.parametrize("port", ["80", "65536", "kafka"])
def test_a_port_that_cannot_be_used_is_refused(monkeypatch, port):
    """Refused at once is better than a server that does not start."""
    monkeypatch.setenv("READMIT_PORT_KAFKA", port)
    with pytest.raises(ValidationError):
        Ports()


def test_free_ports_lie_below_the_ephemeral_ranges():
    """An outgoing connection must not be able to take a port between its choice and its use."""
    assert FREE_PORT_RANGE.start > 1024
    assert FREE_PORT_RANGE.stop <= 32_768
