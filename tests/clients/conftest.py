"""One server with a recorded camera, for all tests of this folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta

import pytest

from tests.client import wire
from tests.footage import BEGIN, Footage
from tests.running import Up, send, stop_between_writes
from vms.env import PROJECT_DIR
from vms.media.process import tie_to_parent
from vms.ops.ports import free_port

PASSWORD = "correct horse battery"
FOOTAGE = Footage()

# The operator's commands, in one process: each start of Django takes a second.
PREPARE = """
from django.core.management import call_command
call_command("migrate", "--verbosity", "0")
for login in ("alice", "mallory"):
    call_command("add_user", login, "--password", {password!r}, stdout=open("/dev/null", "w"))
call_command("add_camera", "Yard", "--owner", "alice", stdout=open("/dev/null", "w"))
call_command("import_archive", "1", {folder!r})
"""


class Site:
    """A server that can be stopped and started again at the same address."""

    def __init__(self, folder):
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VMS_")}
        self.environment = {
            **kept,
            "VMS_DATA_DIR": str(folder / "data"),
            "VMS_PORT": str(free_port("127.0.0.1")),
        }
        self.ordered = 0
        self.up = None

    def manage(self, *arguments):
        command = [sys.executable, str(PROJECT_DIR / "manage.py"), *arguments]
        return subprocess.run(
            command, env=self.environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    def prepare(self):
        FOOTAGE.make(self.folder / "recordings")
        code = PREPARE.format(password=PASSWORD, folder=str(self.folder / "recordings"))
        self.camera = json.loads(self.manage("shell", "--no-imports", "-v", "0", "-c", code))[
            "camera_id"
        ]

    def start(self):
        log_file = self.folder / "up.log"
        command = [sys.executable, str(PROJECT_DIR / "manage.py"), "up", "--only", "web,worker"]
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                preexec_fn=tie_to_parent(),
            )
        self.up = Up(process, self.folder / "data", log_file)
        self.up.wait_ready()
        self.url = self.up.web_url

    def stop(self):
        self.up.stop()

    def kill_web(self):
        os.kill(self.up.pid_of("uvicorn"), signal.SIGKILL)

    @contextmanager
    def worker_held_up(self):
        """Have the processes that make files stand still while the block runs."""
        held = [
            pid
            for pid, words in self.up.processes().items()
            if "celery" in words and "exports" in words
        ]
        stop_between_writes(held, self.folder / "data" / "vms.sqlite3")
        try:
            yield
        finally:
            send(held, signal.SIGCONT)

    def order_body(self):
        """Make an order nobody placed before, so its file is made and not shared."""
        self.ordered += 1
        begin = BEGIN + timedelta(seconds=self.ordered)
        return {
            "from": wire(begin),
            "to": wire(begin + timedelta(seconds=2)),
            "ids": [self.camera],
        }


@pytest.fixture(scope="module")
def site(tmp_path_factory, footage_cache):
    site = Site(tmp_path_factory.mktemp("site"))
    site.prepare()
    site.start()
    yield site
    site.stop()
