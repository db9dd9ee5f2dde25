"""What a web process does so that a thousand sockets fit into it."""

from __future__ import annotations

import json
import subprocess
import sys

from vms.env import PROJECT_DIR
from vms.ops.web import WebAddress, web_program

TELL = """
import gc, json, vms.asgi
told = gc.get_freeze_count(), gc.get_threshold(), len(gc.get_objects())
print(json.dumps(told))
"""


def test_looks_for_garbage_only_among_what_came_later(environment):
    run = subprocess.run(
        [sys.executable, "-c", TELL],
        cwd=PROJECT_DIR,
        env={**environment, "DJANGO_SETTINGS_MODULE": "vms.settings"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    frozen, threshold, looked_at = json.loads(run.stdout.splitlines()[-1])
    assert frozen > 50_000
    assert looked_at < frozen / 10
    assert threshold == [5_000, 10, 5]


def test_keeps_no_compressor_for_each_socket():
    command = web_program(WebAddress("127.0.0.1", 8000, "localhost"), []).command
    assert command[command.index("--ws-per-message-deflate") + 1] == "false"
