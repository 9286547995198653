"""``manage.py up`` with the embedded PostgreSQL: start, restart of programs, reload, stop."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import pytest

from tests.device_endpoint.processes import child_named, descendants, is_running
from tests.support.examples import IS_LONG_RUN
from tests.support.stack import Stack, wait_until

PROGRAMS = {
    "postgres": "bin/postgres",
    "device": "device_wsgi",
    "staff": "staff_wsgi",
    "nginx": "nginx.conf",
}
# All at once, and one by one.
KILLED = [tuple(PROGRAMS), *((name,) for name in PROGRAMS if IS_LONG_RUN)]


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, str]]:
    """Start an installation and give it with what it printed; some tests start it again."""
    running = Stack(tmp_path_factory.mktemp("own stack"))
    running.start()
    yield running, running.output
    check_end(running)


@pytest.fixture(scope="module")
def own_stack(first_start: tuple[Stack, str]) -> Stack:
    return first_start[0]


def pid_of(stack: Stack) -> int:
    assert stack.process is not None
    return stack.process.pid


def check_end(stack: Stack, number: signal.Signals = signal.SIGTERM) -> None:
    """Assert that the signal ends all programs, and PostgreSQL in order."""
    children = descendants(pid_of(stack))
    log = stack.var_dir / "log" / "postgres.log"
    before = len(log.read_text())
    assert len(children) > len(PROGRAMS)
    assert stack.stop(number) == 0
    assert [child for child in children if is_running(child)] == []
    assert "database system is shut down" in log.read_text()[before:]


def is_ready(stack: Stack) -> bool:
    try:
        return stack.get_staff("/readyz")[0] == 200
    except OSError:
        return False


def test_it_prints_the_urls_and_the_login(first_start: tuple[Stack, str]) -> None:
    stack, output = first_start
    assert stack.device_url in output
    assert f"{stack.staff_url}/admin/" in output
    assert str(stack.ca_file) in output
    assert stack.superuser_name in output
    assert stack.superuser_password not in output


def test_two_instances_run_side_by_side(own_stack: Stack, stack: Stack) -> None:
    assert is_ready(own_stack)
    assert is_ready(stack)


@pytest.mark.parametrize("killed", KILLED, ids="-".join)
def test_killed_programs_are_restarted(own_stack: Stack, killed: tuple[str, ...]) -> None:
    before = {name: child_named(pid_of(own_stack), PROGRAMS[name]) for name in killed}
    restarts = {name: own_stack.output.count(f"{name} started again") for name in killed}
    for process in before.values():
        os.kill(process, signal.SIGKILL)

    def are_restarted() -> bool:
        output = own_stack.output
        return all(output.count(f"{name} started again") > restarts[name] for name in killed)

    wait_until(are_restarted, " and ".join(killed))
    wait_until(lambda: is_ready(own_stack), "both services")
    for name in killed:
        assert f"{name} ended (killed by signal 9); restart in" in own_stack.output
        assert child_named(pid_of(own_stack), PROGRAMS[name]) != before[name]


def test_sighup_replaces_the_workers(own_stack: Stack) -> None:
    master = child_named(pid_of(own_stack), PROGRAMS["device"])
    workers = set(descendants(master))
    os.kill(pid_of(own_stack), signal.SIGHUP)
    own_stack.wait_for("\nreloaded\n")
    wait_until(lambda: set(descendants(master)).isdisjoint(workers), "new workers")
    wait_until(lambda: len(descendants(master)) == len(workers), "as many workers as before")
    assert is_ready(own_stack)
    assert child_named(pid_of(own_stack), PROGRAMS["device"]) == master


def test_commands_work_while_it_runs(own_stack: Stack) -> None:
    run = own_stack.manage("issue_psk", "second", "--create", "--json")
    assert run.stderr == ""
    assert json.loads(run.stdout)["identity"] == "second"


def test_a_second_up_in_the_same_var_dir_is_refused(own_stack: Stack) -> None:
    run = own_stack.manage("up")
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.count("\n") == 1
    assert f"in use by a running `up` (process {pid_of(own_stack)})" in run.stderr
    assert is_ready(own_stack)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_programs_and_the_data_stays(
    own_stack: Stack, number: signal.Signals
) -> None:
    own_stack.issue_psk(f"kept-over-{number.name}")
    check_end(own_stack, number)
    own_stack.start()
    assert own_stack.manage("issue_psk", f"kept-over-{number.name}").returncode == 0
    assert "login     as before" in own_stack.output


def test_a_killed_supervisor_leaves_no_program_and_the_data(own_stack: Stack) -> None:
    children = descendants(pid_of(own_stack))
    own_stack.stop(signal.SIGKILL)
    wait_until(lambda: not any(map(is_running, children)), "the end of every child")
    own_stack.start()
    assert is_ready(own_stack)
    assert "login     as before" in own_stack.output
