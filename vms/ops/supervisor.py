"""Keeping processes alive: started in order, started again when one ends, stopped in reverse.

What they are is not known here; see `vms.ops.programs`.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence

import structlog

from vms.logs import redact
from vms.media.process import tie_to_parent
from vms.ops.children import Child, Program
from vms.ops.wakeups import Wakeups

LOOK_SECONDS = 0.1
READY_SECONDS = 180.0
# Up to the last exception of an output; its own lines, which may be several, follow.
TRACEBACK = re.compile(r"\A[\s\S]*Traceback \(most recent call last\):\n(?:[ \t][^\n]*\n)*")

log = structlog.get_logger(__name__)


class StartFailed(Exception):
    """A program cannot be brought up; the message says which and what to do."""


class Stopped(Exception):
    """A signal asked to stop before all was up."""


class Supervisor:
    """The processes of one `up`; everything happens in the main thread, where they are spawned."""

    def __init__(self, environment: Mapping[str, str], wakeups: Wakeups) -> None:
        self.environment = environment
        self.wakeups = wakeups
        self.children: list[Child] = []

    def start(self, program: Program) -> None:
        """Start *program* and wait until it is ready.

        Raises:
            StartFailed: it ended, or was not ready in time.
            Stopped: a signal came first.
        """
        child = Child(program, self.environment)
        self.children.append(child)
        try:
            child.start(time.monotonic())
        except OSError as error:
            raise StartFailed(f"{program.name} cannot be started: {error.strerror}.") from error
        log.info("process started", process=program.name)
        deadline = time.monotonic() + READY_SECONDS
        while program.is_ready is not None:
            self.refuse_when_stopped()
            code = child.end_code()
            if code is not None:
                raise StartFailed(f"{program.name} ended with code {code} before it was ready.")
            if program.is_ready():
                return
            if time.monotonic() > deadline:
                raise StartFailed(f"{program.name} was not ready within {READY_SECONDS:.0f} s.")
            self.wakeups.wait(LOOK_SECONDS)

    def run_once(self, command: Sequence[str]) -> tuple[int, str]:
        """Run *command* to its end; return its exit code and, in one line, what it wrote.

        Of a traceback only the exception is kept.

        One that cannot even be started is told like one that failed.
        """
        with tempfile.TemporaryFile() as output:
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self.environment,
                    start_new_session=True,
                    preexec_fn=tie_to_parent(),
                )
            except OSError as error:
                return 1, f"no process can be started: {error.strerror}"
            try:
                while (code := process.poll()) is None:
                    self.refuse_when_stopped()
                    self.wakeups.wait(None)
            except Stopped:
                process.kill()
                process.wait()
                raise
            output.seek(0)
            text = output.read().decode(errors="replace")
        return code, redact(" ".join(TRACEBACK.sub("", text).split()))

    def pause(self, seconds: float) -> None:
        """Let *seconds* pass, looking after what already runs.

        Raises:
            Stopped: a signal came.
        """
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            self.refuse_when_stopped()
            for child in self.children:
                self.look_after(child, now)
            self.wakeups.wait(until - now)

    def watch(self) -> None:
        """Start again what ends, until a signal asks to stop."""
        while not self.wakeups.stops:
            now = time.monotonic()
            for child in self.children:
                self.look_after(child, now)
            due = [child.start_due_at for child in self.children if child.start_due_at is not None]
            self.wakeups.wait(min(due) - time.monotonic() if due else None)

    def look_after(self, child: Child, now: float) -> None:
        code = child.end_code()
        if code is not None:
            seconds = child.plan_restart(now)
            log.warning(
                "process ended, starting it again",
                process=child.program.name,
                code=code,
                wait_seconds=seconds,
            )
        elif child.start_due_at is not None and child.start_due_at <= now:
            self.start_again(child, now)

    def start_again(self, child: Child, now: float) -> None:
        """Start *child*, or try later: a machine short of memory or processes may recover."""
        try:
            child.start(now)
        except OSError as error:
            log.warning(
                "process cannot be started, trying again",
                process=child.program.name,
                reason=error.strerror,
                wait_seconds=child.plan_restart(now),
            )
        else:
            log.info("process started", process=child.program.name)

    def stop(self) -> None:
        """Stop all, the last one started first, each with its grace; a second signal ends it."""
        patience = self.wakeups.stops + 1
        for child in reversed(self.children):
            child.ask_to_stop()
            deadline = time.monotonic() + child.program.grace_seconds
            while child.end_code() is None and child.process is not None:
                left = deadline - time.monotonic()
                if left <= 0 or self.wakeups.stops >= patience:
                    log.warning("process did not stop in time, ended", process=child.program.name)
                    child.kill()
                    break
                self.wakeups.wait(left)
            log.info("process stopped", process=child.program.name)
        self.children.clear()

    def refuse_when_stopped(self) -> None:
        if self.wakeups.stops:
            raise Stopped
