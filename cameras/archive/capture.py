"""One ffmpeg that records one connection to a source, and the earlier one that looks at it.

Must be used from an event loop in the main thread: the kernel ends ffmpeg when the thread that
spawned it ends, and only the main thread lives as long as the recorder.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TypeVar

from django.utils import timezone

from cameras.archive.inputs import Facts, Input, probe_arguments, read_facts
from cameras.archive.muxing import ClosedSegment, read_list
from cameras.archive.wallclock import WallClock
from cameras.demo.camera import DemoCamera
from vms.media.ffmpeg import Messages
from vms.media.process import tie_to_parent

STALL_SECONDS = 15.0
PROBE_SECONDS = 20.0
STOP_SECONDS = 3.5
PROGRESS_SECONDS = 0.2
OUT_TIME = b"out_time_us="
# A camera that sets its clock moves the time stamps of its picture and sound (RTCP's sender
# reports tell it). Stamps that are so far off the ones before are not believed, and ffmpeg says so.
# Less would end connections whose sound pauses for long.
CLOCK_SET_SECONDS = 1800
CLOCK_SET = b"invalid dropping"

T = TypeVar("T")


class CaptureFailed(Exception):
    """A connection ended or never came about. `messages` are ffmpeg's own, unredacted."""

    def __init__(self, reason: str, messages: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.messages = messages


class Capture:
    """A running ffmpeg. `clock` tells the wall-clock time of what it records."""

    def __init__(self, process: Process, source: Input) -> None:
        self.process = process
        self.clock = WallClock(source.demo.begin if source.demo else None)
        self.messages = Messages()
        self.media_us = -1
        self.is_clock_set = False
        self.is_fed_out = False
        self.helpers = [asyncio.create_task(self.drain_messages())]
        if source.demo is not None:
            self.helpers.append(asyncio.create_task(self.feed(source.demo)))

    @property
    def is_delivering(self) -> bool:
        """Say whether any media has arrived."""
        return self.media_us >= 0

    async def run(self) -> AsyncGenerator[ClosedSegment | None, None]:
        """Yield each segment as it is closed, and None when time passes.

        Raises:
            CaptureFailed: nothing arrived for too long, the source set its clock, or ffmpeg ended
                badly.
        """
        loop = asyncio.get_running_loop()
        moved_at = loop.time()
        try:
            while line := await self.read_line(moved_at + STALL_SECONDS - loop.time()):
                if self.note_progress(line):
                    moved_at = loop.time()
                for segment in read_list([line.decode(errors="replace")]):
                    yield segment
                yield None
            code = await self.process.wait()
        finally:
            await self.end()
        if self.is_clock_set:
            raise CaptureFailed("the source set its clock", self.messages.text())
        if code != 0 and not self.is_fed_out:
            raise CaptureFailed(f"ffmpeg ended with code {code}", self.messages.text())

    async def read_line(self, seconds: float) -> bytes:
        try:
            async with asyncio.timeout(max(seconds, 0)):
                return await opened(self.process.stdout).readline()
        except TimeoutError as error:
            reason = f"nothing arrived for {STALL_SECONDS:.0f} s"
            raise CaptureFailed(reason, self.messages.text()) from error

    def note_progress(self, line: bytes) -> bool:
        """Take in a line of `-progress`; True when more media has arrived."""
        value = line.removeprefix(OUT_TIME).strip()
        if not line.startswith(OUT_TIME) or not value.isdigit() or int(value) <= self.media_us:
            return False
        self.media_us = int(value)
        self.clock.observe(timezone.now(), self.media_us / 1_000_000)
        return True

    async def feed(self, camera: DemoCamera) -> None:
        """Hand over the frames of a synthetic camera; its sound has no end of its own."""
        await camera.feed(opened(self.process.stdin))
        self.is_fed_out = True
        self.stop()

    async def drain_messages(self) -> None:
        """Keep what ffmpeg says; end the recording when the source's time stamps are of no use."""
        tail = b""
        while data := await opened(self.process.stderr).read(65_536):
            self.messages.feed(data)
            if not self.is_clock_set and CLOCK_SET in tail + data:
                self.is_clock_set = True
                self.stop()
            tail = data[-len(CLOCK_SET) :]

    def stop(self) -> None:
        """Ask ffmpeg to close its last segment and end; it is killed when it does not."""
        send_signal(self.process, signal.SIGINT)
        asyncio.get_running_loop().call_later(
            STOP_SECONDS, send_signal, self.process, signal.SIGKILL
        )

    async def end(self) -> None:
        """See to it that the process and what serves it are gone."""
        send_signal(self.process, signal.SIGKILL)
        await self.process.wait()
        for helper in self.helpers[1:]:
            helper.cancel()
        await asyncio.gather(*self.helpers, return_exceptions=True)


async def start_capture(program: Path, source: Input, output_arguments: list[str]) -> Capture:
    """Start recording *source*; the output arguments say which tracks and into what files."""
    progress = ["-progress", "pipe:1", "-stats_period", str(PROGRESS_SECONDS)]
    checks = ["-dts_error_threshold", str(CLOCK_SET_SECONDS)]
    process = await spawn(
        program, source, [*progress, *checks, *source.arguments, *output_arguments]
    )
    try:
        await hand_over_script(process, source)
    except BaseException:  # cancelled: nobody else knows this process
        send_signal(process, signal.SIGKILL)
        raise
    return Capture(process, source)


async def probe_source(program: Path, source: Input) -> Facts:
    """Connect to *source* for as long as it takes to learn what it holds.

    Raises:
        CaptureFailed: it cannot be reached, or holds no picture.
    """
    process = await spawn(program, source, probe_arguments(source))
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            printed, messages = await process.communicate(source.probe_script)
    except TimeoutError as error:
        raise CaptureFailed("the source does not answer") from error
    finally:
        send_signal(process, signal.SIGKILL)
        await process.wait()
    facts = read_facts(printed.decode(errors="replace"))
    if facts is None:
        raise CaptureFailed("the source cannot be read", messages[-4096:].decode(errors="replace"))
    return facts


async def spawn(program: Path, source: Input, arguments: list[str]) -> Process:
    """Start ffmpeg in a session of its own, so that Ctrl-C reaches only us."""
    try:
        return await asyncio.create_subprocess_exec(
            *(str(program), "-hide_banner", "-nostats", "-loglevel", "warning", *arguments),
            stdin=PIPE if source.script or source.demo else DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
            preexec_fn=tie_to_parent(),
        )
    except OSError as error:
        raise CaptureFailed(f"ffmpeg cannot be started: {error.strerror}") from error


async def hand_over_script(process: Process, source: Input) -> None:
    if source.script is None:
        return
    stdin = opened(process.stdin)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stdin.write(source.script)
        await stdin.drain()
    stdin.close()


def send_signal(process: Process, number: signal.Signals) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)


def opened(pipe: T | None) -> T:
    """Return a pipe that was asked for when the process was spawned."""
    if pipe is None:
        raise RuntimeError("the process was spawned without this pipe")
    return pipe
