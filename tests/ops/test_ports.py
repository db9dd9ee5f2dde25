"""Ports for servers that may listen anywhere."""

from __future__ import annotations

import secrets
import subprocess
import sys
from itertools import chain, repeat

from vms.env import PROJECT_DIR
from vms.ops import ports
from vms.ops.ports import FIRST, free_port

LOOPBACK = "127.0.0.1"


def test_chooses_none_that_was_chosen_before_anybody_listens_on_it(monkeypatch):
    port = free_port(LOOPBACK)
    again = chain([port - FIRST], map(secrets.randbelow, repeat(ports.COUNT)))
    monkeypatch.setattr(ports, "chance", lambda: next(again))

    assert free_port(LOOPBACK) != port


def test_lets_others_choose_what_a_process_chose_that_has_ended():
    code = "from vms.ops.ports import free_port; print(free_port('127.0.0.1'))"
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_DIR,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    assert ports.reserve(int(told.stdout))
