"""Pages run by Node: what they print, and what they are told."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread

from tests.running import PATIENCE_SECONDS
from vms.media.process import tie_to_parent

HERE = Path(__file__).parent
VENDOR = HERE / "vendor"
NODE = shutil.which("node")


class Page:
    """A page that is signed in; what happens to it waits to be asked for, in order."""

    def __init__(self, process):
        self.process = process
        self.lines = Queue()
        Thread(target=self.read, daemon=True).start()
        self.who = self.next("signed in")

    def read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def next(self, what, **expected):
        """Return the next happening of that kind with these values; others are passed over."""
        while True:
            line = self.lines.get(timeout=PATIENCE_SECONDS)
            if line["what"] == what and expected.items() <= line.items():
                return line

    def subscribe(self, channel, event):
        self.process.stdin.write(json.dumps({"channel": channel, "event": event}) + "\n")
        self.process.stdin.flush()

    def events_until(self, is_last):
        """Return the bodies of all events up to one for which *is_last* holds."""
        bodies = []
        while not bodies or not is_last(bodies[-1]["data"]):
            bodies.append(self.next("event")["data"])
        return bodies


@contextmanager
def page(library, url, login, password) -> Iterator[Page]:
    command = [NODE, str(HERE / "client.cjs"), library, url, login, password]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=tie_to_parent(),
    ) as process:
        yield Page(process)
        process.stdin.close()
