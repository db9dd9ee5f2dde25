"""Has footage opened and decoded by other processes, a few at a time.

`Renderers` is a pool of threads, each with a process of its own (`previews.rendering_process`) that
it starts when the first job comes. A process that crashes or takes too long costs its job; the next
job gets a new one.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

import structlog

from previews.errors import Busy, CannotRender
from vms.env import PROJECT_DIR

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

PROGRAM = "previews.rendering_process"
LONGEST_ANSWER = 64 * 2**20
BLOCK = 2**16
# So many jobs wait for each process at most; a picture takes some hundredths of a second.
MOST_WAITING = 64
DAMAGED = "The recording is damaged here; choose another time."
RETRY_SECONDS = 5


class Crashed(Exception):
    """The process ended before it answered.

    `was_idle` says that it ended by itself, for want of work, just when the job came.
    """

    def __init__(self, *, was_idle: bool) -> None:
        super().__init__(was_idle)
        self.was_idle = was_idle


class TooSlow(Exception):
    """No answer within the time limit."""


class Renderers:
    """At most *count* jobs at a time, each for at most *seconds*."""

    def __init__(self, count: int, seconds: float) -> None:
        self.count = count
        self.seconds = seconds
        self.waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self.threads: list[threading.Thread] = []
        self.own = threading.local()
        self.lock = threading.Lock()
        self.unfinished = 0

    def submit(self, job: str, arguments: dict[str, Any]) -> Future[Any]:
        """Have *job* done, `previews.module:function`; the future raises as `run` does.

        Raises:
            Busy: too many wait already.
        """
        return self.call(lambda: self.run(job, arguments))

    def call(self, work: Callable[[], Result]) -> Future[Result]:
        """Call *work*, which may `run` jobs, when it is its turn.

        Raises:
            Busy: too many wait already.
        """
        with self.lock:
            if self.unfinished >= self.count * MOST_WAITING:
                raise Busy(RETRY_SECONDS)
            self.unfinished += 1
            self.start_threads()
        future: Future[Result] = Future()
        self.waiting.put((future, work))
        return future

    def start_threads(self) -> None:
        """Start what works the queue off; what is under way must not hold up the end of us."""
        while len(self.threads) < self.count:
            thread = threading.Thread(target=self.work, name="renderer", daemon=True)
            self.threads.append(thread)
            thread.start()

    def work(self) -> None:
        while True:
            future, work = self.waiting.get()
            if future.set_running_or_notify_cancel():
                try:
                    result = work()
                except BaseException as error:  # noqa: BLE001 - whoever waits for it hears of it
                    future.set_exception(error)
                else:
                    future.set_result(result)
            with self.lock:
                self.unfinished -= 1

    def run(self, job: str, arguments: dict[str, Any]) -> Any:
        """Do *job* now, in the process of this thread, which is one of ours; returns its result.

        Raises:
            CannotRender: there is nothing to show, or the footage brought its process down.
            Busy: it took too long, or there is no room for the result.
        """
        line = json.dumps({"job": job, "arguments": arguments}).encode() + b"\n"
        try:
            try:
                answer = self.process().ask(line, self.seconds)
            except Crashed as crash:
                if not crash.was_idle:
                    raise
                answer = self.process().ask(line, self.seconds)
        except Crashed as error:
            log.warning("renderer_crashed", job=job)
            raise CannotRender(DAMAGED) from error
        except TooSlow as error:
            log.warning("renderer_too_slow", job=job, seconds=self.seconds)
            raise Busy(RETRY_SECONDS) from error
        return self.read(job, answer)

    def process(self) -> RenderingProcess:
        """Return the living process of this thread."""
        kept: RenderingProcess | None = getattr(self.own, "process", None)
        if kept is None or kept.is_gone:
            kept = self.own.process = RenderingProcess()
        return kept

    def read(self, job: str, answer: dict[str, Any]) -> Any:
        if "refused" in answer:
            raise CannotRender(answer["refused"])
        if "full" in answer:
            log.warning("renderer_without_room", job=job, error=answer["full"])
            raise Busy(RETRY_SECONDS)
        if "broken" in answer:
            log.warning("renderer_failed", job=job, traceback=answer["broken"])
            raise CannotRender(DAMAGED)
        return answer["done"]


def environment() -> dict[str, str]:
    """Return what the process is told: none of our settings, and so none of our secrets."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VMS_")}
    return {**kept, "OPENBLAS_NUM_THREADS": "1"}


class RenderingProcess:
    """One process, used by one thread."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", PROGRAM, str(os.getpid())],
            cwd=PROJECT_DIR,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self.is_gone = False

    def ask(self, line: bytes, seconds: float) -> dict[str, Any]:
        """Send one line and wait for the line that answers it.

        Raises:
            Crashed, TooSlow: the process is gone then.
        """
        deadline = time.monotonic() + seconds
        try:
            self.send(line)
            answer: dict[str, Any] = json.loads(self.receive(deadline))
        except (OSError, ValueError, EOFError) as error:
            code = self.end()
            raise Crashed(was_idle=code == 0) from error
        except TooSlow:
            self.end()
            raise
        return answer

    def send(self, line: bytes) -> None:
        assert self.process.stdin is not None  # noqa: S101 - for the types
        while line:
            line = line[os.write(self.process.stdin.fileno(), line) :]

    def receive(self, deadline: float) -> bytes:
        assert self.process.stdout is not None  # noqa: S101 - for the types
        output = self.process.stdout.fileno()
        gathered = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while not gathered.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TooSlow
                block = os.read(output, BLOCK)
                if not block or len(gathered) > LONGEST_ANSWER:
                    raise EOFError
                gathered += block
        return bytes(gathered)

    def end(self) -> int:
        """See that it is gone; returns its exit code, 0 when it had ended by itself."""
        self.is_gone = True
        try:
            code = self.process.wait(0.2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        return code
