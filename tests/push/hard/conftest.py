"""A running server, and a process that ends jobs beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack

import pytest

from vms.env import PROJECT_DIR
from vms.media.process import tie_to_parent


class Finisher:
    """The process, who there is, and which downloads each is to hear of, in order."""

    def __init__(self, process):
        self.process = process
        made = self.read()
        self.people = made["people"]
        self.downloads = made["downloads"]

    def read(self):
        line = self.process.stdout.readline()
        assert line, "the process that ends jobs has died"
        return json.loads(line)

    def begin(self, jobs):
        """Have so many jobs end; `wait` comes back when they have."""
        self.process.stdin.write(f"{jobs}\n")
        self.process.stdin.flush()

    def wait(self):
        assert self.read() == {"done": True}

    def end(self, jobs):
        self.begin(jobs)
        self.wait()


@pytest.fixture
def finisher(environment):
    """Start the process on the data folder of a server; gives who there is."""
    with ExitStack() as closing:

        def start(logins, jobs):
            command = [sys.executable, "-m", "tests.push.hard.finisher", json.dumps([logins, jobs])]
            process = closing.enter_context(
                subprocess.Popen(
                    command,
                    cwd=PROJECT_DIR,
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    preexec_fn=tie_to_parent(),
                )
            )
            closing.callback(process.kill)
            return Finisher(process)

        yield start
