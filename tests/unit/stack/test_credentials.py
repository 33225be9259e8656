"""Tests of the generated secrets."""

import json
import stat

from readmit_cli.stack.credentials import DATABASE_OWNER, NAMES, Credentials
from readmit_contracts.access import key_id_of


def test_secrets_are_generated_once(tmp_path):
    """A second start must fit the cluster that the first one made."""
    file = tmp_path / "credentials.json"
    first = Credentials.load_or_create(file).database_password(DATABASE_OWNER)
    assert Credentials.load_or_create(file).database_password(DATABASE_OWNER) == first


def test_every_login_has_another_secret(tmp_path):
    """One leaked password must open one door."""
    file = tmp_path / "credentials.json"
    Credentials.load_or_create(file)
    secrets = json.loads(file.read_text())
    assert len(set(secrets.values())) == len(NAMES)


def test_the_access_key_is_one_that_a_predictor_can_take(tmp_path):
    """A password of another form would be refused before it is looked up."""
    assert key_id_of(Credentials.load_or_create(tmp_path / "credentials.json").access_key()) is not None


def test_only_the_owner_can_read_the_file(tmp_path):
    """Other users of the machine share its file system."""
    file = tmp_path / "credentials.json"
    Credentials.load_or_create(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_login_that_is_new_gets_a_secret_and_the_others_keep_theirs(tmp_path):
    """A newer checkout may know more logins than the one that made the file."""
    file = tmp_path / "credentials.json"
    Credentials.load_or_create(file)
    known = json.loads(file.read_text())
    gone = known.pop(NAMES[-1])
    file.write_text(json.dumps(known))
    Credentials.load_or_create(file)
    after = json.loads(file.read_text())
    assert {name: after[name] for name in known} == known
    assert after[NAMES[-1]] != gone


def test_secrets_do_not_show_in_a_representation(tmp_path):
    """A traceback prints representations."""
    credentials = Credentials.load_or_create(tmp_path / "credentials.json")
    assert credentials.database_password(DATABASE_OWNER) not in repr(credentials)
