"""Tests of a running stack: started once, repaired, and kept running."""

import os
import signal
import time

import pytest
from readmit_cli.stack import readiness
from readmit_cli.stack.ports import Ports, is_free
from readmit_cli.stack.processes import orphans
from readmit_cli.stack.programs import KAFKA, POSTGRES, S3
from readmit_cli.stack.running_parts import check_running_parts
from support.stack import free_ports

INFRASTRUCTURE = (KAFKA, POSTGRES, S3)


def test_a_second_up_starts_nothing(own_stack):
    """People type it to be sure."""
    before = own_stack.supervisor.states()
    assert own_stack.up(INFRASTRUCTURE) == frozenset()
    after = own_stack.supervisor.states()
    assert [after[name].pid for name in INFRASTRUCTURE] == [before[name].pid for name in INFRASTRUCTURE]


def test_up_starts_again_what_was_stopped(own_stack):
    """Repair is the same command as start."""
    own_stack.supervisor.stop([S3], timeout_s=20)
    assert own_stack.up(INFRASTRUCTURE) == {S3}
    assert own_stack.parts[S3].probe() is None


def test_a_program_whose_section_changed_is_taken_over(own_stack):
    """A newer checkout may start something another way; the rest goes on undisturbed."""
    file = own_stack.state.supervisor_configuration
    file.write_text(file.read_text().replace("--quiet", "--quiet  "))
    kafka = own_stack.supervisor.states()[KAFKA].pid
    own_stack.supervisor.reload()
    assert own_stack.supervisor.states()[S3].state == "STOPPED"
    assert own_stack.up(INFRASTRUCTURE) == {S3}
    assert own_stack.supervisor.states()[KAFKA].pid == kafka


@pytest.mark.parametrize("name", INFRASTRUCTURE)
def test_a_killed_part_comes_back_by_itself(own_stack, name):
    """A kill -9 must be boring: nobody types a command after it."""
    killed = own_stack.supervisor.states()[name].pid
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while (now := own_stack.supervisor.states()[name]).pid in (0, killed) or own_stack.parts[name].probe():
        assert time.monotonic() < deadline, now
        time.sleep(0.1)
    assert now.pid != killed


def test_the_checks_of_a_running_stack_are_all_good(own_stack):
    """`readmit doctor` must not cry wolf."""
    checks = list(check_running_parts(own_stack))
    assert {check.name for check in checks} == {"supervisor", *INFRASTRUCTURE}
    assert [check for check in checks if check.verdict != "ok"] == []


def test_a_part_that_is_down_is_told(own_stack):
    """What to do is said beside it."""
    own_stack.supervisor.stop([S3], timeout_s=20)
    failed = [check for check in check_running_parts(own_stack) if check.verdict == "failed"]
    own_stack.up(INFRASTRUCTURE)
    assert [check.name for check in failed] == [S3]
    assert "readmit up" in failed[0].advice


def test_up_after_the_supervisors_death_ends_what_it_left(own_stack):
    """Its orphans hold the ports and the data folders."""
    left = {own_stack.supervisor.states()[name].pid for name in INFRASTRUCTURE}
    os.kill(own_stack.supervisor.pid(), signal.SIGKILL)
    while own_stack.supervisor.pid() is not None:
        time.sleep(0.05)
    assert left <= set(orphans(own_stack.state.root))
    assert own_stack.up(INFRASTRUCTURE) == set(INFRASTRUCTURE)
    assert left.isdisjoint(orphans(own_stack.state.root))


def test_down_leaves_no_process_and_no_port(own_stack):
    """What goes on running unseen is found weeks later, by its port."""
    assert own_stack.down()
    assert own_stack.supervisor.pid() is None
    assert orphans(own_stack.state.root) == []
    assert [name for name, port in own_stack.ports.model_dump().items() if not is_free(port)] == []
    assert not own_stack.down()


def test_the_data_outlives_down(own_stack):
    """`make down` is for the evening, `make clean` is for good."""
    own_stack.up([POSTGRES])
    assert readiness.postgres(own_stack.database("readmit_owner")) is None


def test_free_ports_are_free():
    """Tests of several checkouts run on one machine."""
    ports = list(Ports.free().model_dump().values())
    assert len(set(ports)) == len(ports)
    assert all(map(is_free, ports))


def test_workers_of_one_test_run_choose_from_different_ports(monkeypatch):
    """They start their stacks at the same moment, before either listens."""
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "2")
    chosen = []
    for worker in ("gw0", "gw1"):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        chosen.append({port % 2 for _ in range(20) for port in free_ports().model_dump().values()})
    assert [len(each) for each in chosen] == [1, 1]
    assert chosen[0].isdisjoint(chosen[1])
