"""Tests of the choice between S3 servers."""

import json

import pytest
from readmit_cli.stack.credentials import Credentials
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.ports import Ports
from readmit_cli.stack.programs import S3
from readmit_cli.stack.s3_server import S3Server
from readmit_cli.stack.stack import Stack
from readmit_cli.stack.versity import prepare


@pytest.fixture(autouse=True)
def nothing_asked_for(monkeypatch):
    """Take the shell's own choice away."""
    monkeypatch.delenv("READMIT_S3", raising=False)


@pytest.fixture
def started(tmp_path):
    """Give a function that leaves what a stack started with this server leaves, and answers where."""

    def start(server: str | None) -> Stack:
        stack = Stack(tmp_path, Ports())
        record = {"ports": stack.ports.model_dump(), "parts": [S3]} | ({"s3": server} if server else {})
        stack.state.record.write_text(json.dumps(record))
        return Stack(tmp_path, Ports())

    return start


def test_a_stack_starts_with_minio_unless_asked(tmp_path, monkeypatch):
    """A newcomer chooses nothing."""
    assert Stack(tmp_path, Ports()).blueprint.s3_server is S3Server.MINIO
    monkeypatch.setenv("READMIT_S3", "versity")
    assert Stack(tmp_path, Ports()).blueprint.s3_server is S3Server.VERSITY


def test_a_started_stack_goes_on_with_what_it_has(started):
    """The next shell does not know what the first was told."""
    assert started("versity").blueprint.s3_server is S3Server.VERSITY


@pytest.mark.parametrize(("has", "asked"), [("minio", "versity"), (None, "versity"), ("versity", "minio")])
def test_a_started_stack_refuses_the_other_server(started, monkeypatch, has, asked):
    """It would come up empty, and look as if every model were lost."""
    monkeypatch.setenv("READMIT_S3", asked)
    with pytest.raises(StackError, match=f"kept by {has or 'minio'}, whose data {asked} cannot read"):
        started(has).up([S3])


def test_a_misspelt_server_is_named(tmp_path, monkeypatch):
    """MinIO in silence would be taken for the other."""
    monkeypatch.setenv("READMIT_S3", "versty")
    with pytest.raises(StackError, match="'versty'; set it to minio or versity"):
        Stack(tmp_path, Ports())


def test_versitys_users_are_closed_to_others_and_can_do_nothing_by_themselves(tmp_path):
    """Their keys are in it; a role above `user` would pass every policy by."""
    state = Stack(tmp_path, Ports()).state
    prepare(state, Credentials.load_or_create(state.credentials))
    users = state.versity / "users" / "users.json"
    assert (users.stat().st_mode | state.versity.stat().st_mode) & 0o077 == 0
    assert {account["role"] for account in json.loads(users.read_text())["accessAccounts"].values()} == {"user"}
