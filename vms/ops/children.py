"""One supervised process: how it is started, watched, started again and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from vms.media.process import tie_to_parent

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0
STEADY_SECONDS = 60.0


@dataclass(frozen=True)
class Program:
    """What to run. `is_ready` is asked until True before the next program starts.

    `stdin` is handed over through a pipe, so secrets in it appear in no process list.
    `grace_seconds` is the time between the request to stop and SIGKILL.
    """

    name: str
    command: list[str]
    stdin: str | None = None
    is_ready: Callable[[], bool] | None = None
    grace_seconds: float = 10.0
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class BackOff:
    """Waits of 1, 2, 4 .. 30 seconds, from the beginning again after a steady minute."""

    failures: int = 0

    def next_wait(self, seconds_up: float) -> float:
        """Count one more end after *seconds_up* and say how long to wait before the next start."""
        if seconds_up >= STEADY_SECONDS:
            self.failures = 0
        wait: float = FIRST_WAIT_SECONDS * 2 ** min(self.failures, 10)
        self.failures += 1
        return min(wait, LONGEST_WAIT_SECONDS)


class Child:
    """A program and its process of the moment; times are those of `time.monotonic`."""

    def __init__(self, program: Program, environment: Mapping[str, str]) -> None:
        self.program = program
        self.environment = {**environment, **program.environment}
        self.process: subprocess.Popen[bytes] | None = None
        self.back_off = BackOff()
        self.started_at = 0.0
        self.start_due_at: float | None = None

    def start(self, now: float) -> None:
        """Start the process in a session of its own (Ctrl-C reaches only us) that dies with us.

        Call only from the main thread: the kernel ties the child to the thread that spawns it.
        """
        self.started_at = now
        self.process = subprocess.Popen(
            self.program.command,
            stdin=subprocess.DEVNULL if self.program.stdin is None else subprocess.PIPE,
            env=self.environment,
            start_new_session=True,
            preexec_fn=tie_to_parent(),
        )
        self.start_due_at = None
        if self.process.stdin is not None:
            try:
                self.process.stdin.write((self.program.stdin or "").encode())
                self.process.stdin.close()
            except BrokenPipeError:
                pass  # it ended at once; its exit code will say so

    def end_code(self) -> int | None:
        """Return the exit code (negative: the signal), None while it runs or was never started."""
        return None if self.process is None else self.process.poll()

    def plan_restart(self, now: float) -> float:
        """Forget the ended process, set the moment of the next start, and return the wait."""
        wait = self.back_off.next_wait(now - self.started_at)
        self.process = None
        self.start_due_at = now + wait
        return wait

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process and all in its group at once.

        Descendants with groups of their own (pool processes, ffmpeg) are tied to their parents.
        """
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
