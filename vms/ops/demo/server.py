"""The whole server as a child of the demonstration: `manage.py up`, its log in a file."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from vms.media.process import tie_to_parent
from vms.ops import runfolder
from vms.ops.demo.errors import DemoFailed
from vms.ops.programs import manage

START_SECONDS = 90.0
LOOK_SECONDS = 0.1
# `up` gives each of its programs a grace of its own before it ends them.
STOP_SECONDS = 45.0
TOLD_LINES = 15


class Server:
    """While entered, `up` runs on the data folder of *run_dir*. Use from the main thread."""

    def __init__(self, run_dir: Path, log_file: Path, port: int) -> None:
        self.run_dir = run_dir
        self.log_file = log_file
        self.port = port

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            DemoFailed: it runs already; two would share a database.
        """
        other = runfolder.running_process(self.run_dir)
        if other is not None:
            raise DemoFailed(f"The demonstration runs already, as process {other}; stop that one.")
        runfolder.clear(self.run_dir)
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                manage("up"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "VMS_PORT": str(self.port)},
                start_new_session=True,
                preexec_fn=tie_to_parent(),
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop it in good order; what does not end is killed, and all below it with it."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait_until_ready(self) -> str:
        """Return the address of the web process once it answers.

        Raises:
            DemoFailed: it ended or was not ready in time; the message holds its last lines.
        """
        deadline = time.monotonic() + START_SECONDS
        while (url := runfolder.web_url(self.run_dir)) is None:
            self.wait(LOOK_SECONDS)
            if time.monotonic() > deadline:
                raise DemoFailed(
                    f"The server was not ready within {START_SECONDS:.0f} s.\n{self.last_words()}"
                )
        return url

    def wait(self, seconds: float | None = None) -> None:
        """Let *seconds* pass (None: no limit) while the server runs.

        Raises:
            DemoFailed: it ended.
        """
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return
        raise DemoFailed(f"The server ended with code {code}.\n{self.last_words()}")

    def last_words(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines()
        return "\n".join(["The last lines of its log:", *lines[-TOLD_LINES:]])
