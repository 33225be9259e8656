"""Tests of the templates: what supervisor, Kafka and Postgres get to read."""

from pathlib import Path

import pytest
from readmit_cli.stack.blueprint import Blueprint
from readmit_cli.stack.checkout import Checkout
from readmit_cli.stack.errors import StackError
from readmit_cli.stack.ports import Ports
from readmit_cli.stack.programs import AIRFLOW, AIRFLOW_EXPORTER, INFRASTRUCTURE, OBSERVERS, installed_services
from readmit_cli.stack.rendering import fill, supervisor_configuration
from readmit_cli.stack.state_directory import StateDirectory
from supervisor.options import ProcessConfig, ServerOptions

TEMPLATE = """
[supervisord]
logfile = $state/log
user = $user

[every-program]
autorestart = true
command = never

[program:one]
command = "$state/one" --half %(program_name)s

[program:two]
command = two
autorestart = false
"""


@pytest.fixture
def template(tmp_path) -> Path:
    """Give a small template."""
    file = tmp_path / "template.conf"
    file.write_text(TEMPLATE)
    return file


def test_a_program_that_is_not_asked_for_is_left_out(template):
    """A service without an entry point would be restarted for ever."""
    text = supervisor_configuration(template, {"state": "/s", "user": None}, programs=["two"], environments={})
    assert "[program:two]" in text
    assert "[program:one]" not in text
    assert "every-program" not in text


def test_a_program_overrides_what_every_program_has(template):
    """Otherwise the exceptions in the template would be without effect."""
    text = supervisor_configuration(template, {"state": "/s", "user": None}, programs=["one", "two"], environments={})
    _, one, two = text.split("[program:")
    assert "autorestart = true" in one
    assert "autorestart = false" in two


def test_an_option_without_a_value_is_left_out(template):
    """An empty `user =` would be an error of supervisor's."""
    text = supervisor_configuration(template, {"state": "/s", "user": None}, programs=[], environments={})
    assert "user" not in text


def test_a_program_that_the_template_does_not_know_is_an_error(template):
    """A service added in code only must not vanish in silence."""
    with pytest.raises(StackError, match="program:three"):
        supervisor_configuration(template, {"state": "/s", "user": None}, programs=["three"], environments={})


@pytest.mark.parametrize("value", ['a"b', "a'b", "a\nb"])
def test_a_value_that_supervisor_cannot_carry_is_an_error(template, value):
    """It would reach the program changed."""
    with pytest.raises(StackError, match="NAME"):
        supervisor_configuration(
            template, {"state": "/s", "user": None}, programs=["two"], environments={"two": {"NAME": value}}
        )


def test_a_name_without_a_value_is_an_error(tmp_path):
    """A dollar sign in a server's configuration would be a riddle to the server."""
    file = tmp_path / "template.conf"
    file.write_text("port=$port")
    with pytest.raises(StackError, match="port"):
        fill(file, {})


def test_supervisor_reads_back_what_was_rendered(tmp_path):
    """A blank in a path is where quoting goes wrong; supervisor itself is the judge."""
    state = StateDirectory(tmp_path / "with a blank")
    blueprint = Blueprint(Checkout.find(), state, Ports())
    blueprint.write_supervisor_configuration()
    read = _read_by_supervisor(state.supervisor_configuration)
    assert set(read) == {*INFRASTRUCTURE, *installed_services(), *OBSERVERS, *AIRFLOW, AIRFLOW_EXPORTER}
    for name, program in read.items():
        assert program.environment == blueprint.program_environment(name)
        assert program.stdout_logfile == str(state.log(name))
        assert program.autostart is False
    assert f"{state.root}/kafka/server.properties" in read["kafka"].command


def test_a_percent_sign_reaches_the_program(template):
    """Supervisor expands percent signs in whatever it reads."""
    values = {"state": "/50%", "user": None}
    text = supervisor_configuration(template, values, programs=["one"], environments={"one": {"SHARE": "50%"}})
    assert '"/50%%/one" --half %(program_name)s' in text
    assert 'SHARE="50%%"' in text


def test_the_rendered_configuration_is_closed_to_others(tmp_path):
    """The passwords of all services are in it."""
    state = StateDirectory(tmp_path / "state")
    Blueprint(Checkout.find(), state, Ports()).write_supervisor_configuration()
    assert state.supervisor_configuration.stat().st_mode & 0o077 == 0


def test_the_servers_templates_are_filled_in_whole():
    """A forgotten name shows here, not at the next start."""
    templates = Checkout.find().templates
    kafka = fill(templates / "kafka" / "server.properties", {"port": "1", "controller_port": "2", "data": "/d"})
    postgres = fill(templates / "postgres" / "postgresql.conf", {"port": "1"})
    assert "$" not in kafka + postgres


def _read_by_supervisor(file: Path) -> dict[str, ProcessConfig]:
    options = ServerOptions()
    options.realize(args=["-c", str(file)])
    return {config.name: config for group in options.process_group_configs for config in group.process_configs}
