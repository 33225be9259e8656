"""Tests of which state directory belongs to a checkout."""

import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.locate import OUTSIDE, state_path, why_outside

SOMEBODY_ELSE = pwd.struct_passwd(("somebody", "x", 65_501, 65_501, "", "/", "/bin/sh"))


@pytest.fixture
def checkout(monkeypatch) -> Iterator[Checkout]:
    """Give a checkout in a folder that everybody may pass."""
    monkeypatch.delenv("READMIT_STATE", raising=False)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "clone").mkdir()
        yield Checkout(Path(folder) / "clone")


def test_the_state_lies_in_the_checkout(checkout):
    """What a clone made goes when the clone goes."""
    assert state_path(checkout, SOMEBODY_ELSE) == checkout.installed / "state"
    assert why_outside(checkout, SOMEBODY_ELSE) is None


def test_a_checkout_that_postgres_cannot_reach_has_its_state_outside(checkout):
    """A clone in /root, made by root on a fresh machine, has to work without a setting."""
    checkout.root.chmod(0o700)
    assert state_path(checkout, SOMEBODY_ELSE).parent == OUTSIDE
    assert str(checkout.root) in (why_outside(checkout, SOMEBODY_ELSE) or "")


def test_two_closed_checkouts_of_one_name_have_two_states(checkout):
    """Two clones called `readmit` must not share a cluster."""
    other = Checkout(checkout.root / "deeper" / checkout.root.name)
    checkout.root.chmod(0o700)
    assert state_path(checkout, SOMEBODY_ELSE) != state_path(other, SOMEBODY_ELSE)


def test_without_a_postgres_user_the_checkout_is_always_reached(checkout):
    """Whoever is not root runs Postgres himself."""
    checkout.root.chmod(0o700)
    assert state_path(checkout, None) == checkout.installed / "state"


def test_the_setting_decides_before_everything(checkout, monkeypatch):
    """A disk for data is somebody's wish."""
    monkeypatch.setenv("READMIT_STATE", "/somewhere/else")
    assert state_path(checkout, SOMEBODY_ELSE) == Path("/somewhere/else")
    assert why_outside(checkout, SOMEBODY_ELSE) is None
