"""How one supervised process is started again and ended."""

from __future__ import annotations

import os
import sys
import time

from tests.running import PATIENCE_SECONDS
from vms.ops.children import BackOff, Child, Program


def test_waits_longer_after_each_failure():
    back_off = BackOff()

    assert [back_off.next_wait(0.1) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_begins_anew_after_a_steady_minute():
    back_off = BackOff()
    for _ in range(5):
        back_off.next_wait(0.1)

    assert back_off.next_wait(60) == 1
    assert back_off.next_wait(1) == 2


def test_hands_its_configuration_over_through_stdin(tmp_path):
    target = tmp_path / "got"
    code = f"import sys; open({str(target)!r}, 'w').write(sys.stdin.read())"
    child = Child(Program("reader", [sys.executable, "-c", code], stdin="secret"), os.environ)

    child.start(time.monotonic())

    assert child.process.wait(PATIENCE_SECONDS) == 0
    assert target.read_text() == "secret"


def test_kills_a_child_with_the_group_it_made(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # Deaf to SIGTERM, and so is the process it spawned, which keeps the fifo open.
    code = (
        "import signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"out = open({str(fifo)!r}, 'w');"
        "subprocess.Popen(['sleep', '600'], stdout=out); out.write('up'); out.flush();"
        "signal.pause()"
    )
    child = Child(Program("deaf", [sys.executable, "-c", code]), os.environ)
    child.start(time.monotonic())
    with fifo.open() as reader:
        assert reader.read(2) == "up"
        child.ask_to_stop()
        assert child.end_code() is None

        child.kill()

        assert child.end_code() == -9
        assert reader.read() == ""  # the other writer is gone too
