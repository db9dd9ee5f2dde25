"""Debian's Chromium without a window, driven over the DevTools protocol.

Nothing of the user's browser is touched: every process has an empty profile and talks to loopback.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from threading import Thread
from typing import IO, Any, cast

from websockets.sync.client import ClientConnection, connect

from tests.running import PATIENCE_SECONDS
from vms.media.process import tie_to_parent

PROGRAM = shutil.which("chromium")
LISTENING = b"DevTools listening on "
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-quic", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--mute-audio", "--autoplay-policy=no-user-gesture-required"),
    "--remote-debugging-port=0",
)


class ScriptFailed(Exception):
    """A script in the page threw; the message is the browser's."""


class Page:
    """One open page of a browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.numbers = itertools.count(1)
        self.session: str | None = None
        self.events: list[str] = []

    def open(self, url: str) -> None:
        """Open *url* in a new page; it is loaded when the first script has run."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        self.send("Page.enable")
        self.send("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")

    def run(self, script: str) -> Any:
        """Evaluate an expression; a promise is waited for.

        Raises:
            ScriptFailed: it threw, or the promise was rejected.
        """
        answer = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise ScriptFailed(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.socket.send(json.dumps(message))
        while (answer := self.receive()).get("id") != number:
            pass
        if "error" in answer:
            raise ScriptFailed(f"{method}: {answer['error']['message']}")
        return dict(answer["result"])

    def receive(self) -> dict[str, Any]:
        message = json.loads(self.socket.recv(timeout=PATIENCE_SECONDS))
        self.events.append(message.get("method", ""))
        return dict(message)

    def wait_for(self, event: str) -> None:
        while event not in self.events:
            self.receive()


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """Start a browser whose profile is in *folder*; it ends with the block, and with us."""
    process = subprocess.Popen(
        [str(PROGRAM), *FLAGS, f"--user-data-dir={folder}"],
        stderr=PIPE,
        start_new_session=True,
        preexec_fn=tie_to_parent(),
    )
    with process:
        try:
            patient = {"open_timeout": PATIENCE_SECONDS, "ping_interval": None}
            with connect(address(process), max_size=None, proxy=None, **patient) as socket:
                yield Page(socket)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def address(process: subprocess.Popen[bytes]) -> str:
    """Return where the browser listens, as it says itself; the rest it says is read away."""
    said = []
    messages = cast("IO[bytes]", process.stderr)
    for line in messages:
        if line.startswith(LISTENING):
            Thread(target=messages.read, daemon=True).start()
            return line.removeprefix(LISTENING).decode().strip()
        said.append(line)
    raise RuntimeError(f"Chromium did not start: {b''.join(said[-5:])!r}")
