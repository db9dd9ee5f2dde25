"""Keeping processes alive when the system itself has trouble."""

from __future__ import annotations

import os
import sys
import time

import pytest

from tests.running import PATIENCE_SECONDS
from vms.ops.children import Child, Program
from vms.ops.supervisor import StartFailed, Supervisor
from vms.ops.wakeups import Wakeups


@pytest.fixture
def supervisor():
    with Wakeups() as wakeups:
        made = Supervisor(os.environ, wakeups)
        yield made
        made.stop()


def test_tries_again_when_a_process_cannot_be_started(supervisor, tmp_path):
    program = tmp_path / "program"
    child = Child(Program("late", [str(program)]), os.environ)
    supervisor.children.append(child)
    child.start_due_at = now = time.monotonic()

    for wait in (1, 2, 4):
        supervisor.look_after(child, now)
        assert child.process is None
        assert child.start_due_at == now + wait
        now = child.start_due_at
    program.write_text("#!/bin/sh\nexit 7\n")
    program.chmod(0o700)
    supervisor.look_after(child, now)

    assert child.process.wait(PATIENCE_SECONDS) == 7
    assert child.start_due_at is None


def test_refuses_to_go_on_when_the_first_start_fails(supervisor, tmp_path):
    with pytest.raises(StartFailed, match="web cannot be started: No such file"):
        supervisor.start(Program("web", [str(tmp_path / "nothing")]))


def test_tells_of_a_command_that_cannot_be_started_as_of_one_that_failed(supervisor, tmp_path):
    code, told = supervisor.run_once([str(tmp_path / "nothing")])

    assert code != 0
    assert "No such file" in told


def test_keeps_all_lines_of_an_exception_but_no_traceback_and_no_password(supervisor):
    failing = "raise OSError('no postgres://me:hidden@db/vms\\n\\tIs it running?') from KeyError(1)"

    code, told = supervisor.run_once([sys.executable, "-c", failing])

    assert code == 1
    assert told == "OSError: no postgres://db/vms Is it running?"
