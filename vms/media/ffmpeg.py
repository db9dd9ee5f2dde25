"""Running ffmpeg: which one, with what arguments, how far it is, and how it ends.

Arguments are compiled with ffmpeg-python; we spawn them ourselves, because a run must die with its
worker, must not fill memory with its messages, and must be stopped within a second.
"""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import imageio_ffmpeg

from vms.media.process import tie_to_parent

MESSAGE_LINES = 40
MESSAGE_BYTES = 16_384
TICK_SECONDS = 0.25
GRACE_SECONDS = 2.0
# What a run writes in a tick when it does nothing but say so.
CHATTER_BYTES = 4096


class NoFfmpeg(Exception):
    """No ffmpeg can be used; the message says where was looked and what to set."""


class FfmpegFailed(Exception):
    """A run ended badly. `messages` holds the last lines it wrote, for the log, not for users."""

    def __init__(self, code: int, messages: str) -> None:
        super().__init__(f"ffmpeg ended with code {code}")
        self.code = code
        self.messages = messages


class FfmpegStalled(Exception):
    """A run made no progress for too long and was killed."""


@dataclass(frozen=True)
class Progress:
    """How far a run is: bytes written and microseconds of media written."""

    size: int
    media_us: int


def find_ffmpeg(chosen: Path | None = None) -> Path:
    """Return the ffmpeg to use: *chosen* (VMS_FFMPEG), the bundled one, or the one on PATH.

    Raises:
        NoFfmpeg: *chosen* cannot be run, or there is none at all.
    """
    if chosen is not None:
        if not os.access(chosen, os.X_OK) or chosen.is_dir():
            raise NoFfmpeg("VMS_FFMPEG names no program that can be run; correct it or unset it.")
        return chosen
    return bundled_ffmpeg() or path_ffmpeg()


def bundled_ffmpeg() -> Path | None:
    try:
        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return None


def path_ffmpeg() -> Path:
    found = shutil.which("ffmpeg")
    if found is None:
        raise NoFfmpeg("No ffmpeg: the bundled one is missing and none is on PATH; set VMS_FFMPEG.")
    return Path(found)


@cache
def ffmpeg_version(program: Path) -> str:
    """Return the version *program* prints of itself, for example `n9.0.2-17-g2a57`.

    Raises:
        NoFfmpeg: it does not run, or is not an ffmpeg.
    """
    try:
        answer = subprocess.run(
            [str(program), "-hide_banner", "-version"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        words = answer.stdout.split()
        return words[words.index("version") + 1]
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise NoFfmpeg(f"{program.name} does not run as an ffmpeg; set VMS_FFMPEG.") from error


def run_ffmpeg(
    arguments: Iterable[str],
    *,
    stdin: int = subprocess.DEVNULL,
    on_tick: Callable[[Progress], None],
    stall_seconds: float,
) -> None:
    """Run ffmpeg to its end; *arguments* begin with the program and hold `-progress pipe:1`.

    *stdin* is a descriptor that ffmpeg reads `pipe:0` from.

    *on_tick* is called about four times a second, also while nothing happens; an exception it
    raises (a cancelled job, a lost lease, a time limit) ends the run within a second and goes on
    to the caller. Must be called from a thread that lives as long as the run may.

    Raises:
        FfmpegFailed: the exit code was not 0.
        FfmpegStalled: no progress for *stall_seconds*.
    """
    process = subprocess.Popen(
        list(arguments),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=tie_to_parent(),
    )
    messages = Messages()
    try:
        watch(process, messages, on_tick, stall_seconds)
        process.wait(timeout=GRACE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise FfmpegStalled("it closed its pipes and did not end") from error
    finally:
        stop(process)
    if process.returncode != 0:
        raise FfmpegFailed(process.returncode, messages.text())


def watch(
    process: subprocess.Popen[bytes],
    messages: Messages,
    on_tick: Callable[[Progress], None],
    stall_seconds: float,
) -> None:
    """Read both pipes until both close, ticking as time passes."""
    reader = ProgressReader()
    moved_at = ticked_at = time.monotonic()
    reached, written = reader.progress, 0
    for name, data in read_pipes(process):
        if name == "progress":
            reader.feed(data)
        elif name == "messages":
            messages.feed(data)
        now = time.monotonic()
        if now - ticked_at < TICK_SECONDS:
            continue
        ticked_at = now
        on_tick(reader.progress)
        # Progress stands still while ffmpeg moves the index to the front; its writes do not.
        before, written = written, bytes_written(process.pid)
        if reader.progress != reached or written - before > CHATTER_BYTES:
            reached, moved_at = reader.progress, now
        if now - moved_at > stall_seconds:
            raise FfmpegStalled(f"nothing written for {stall_seconds:.0f} s")
    on_tick(reader.progress)


def bytes_written(pid: int) -> int:
    """Return how many bytes a process has handed to write calls (proc(5), /proc/pid/io)."""
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:
        return -1
    return int(next(line.split()[1] for line in lines if line.startswith("wchar:")))


def read_pipes(process: subprocess.Popen[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield what arrives on either pipe, and an empty `("", b"")` at least every tick."""
    with selectors.DefaultSelector() as selector:
        for pipe, name in ((process.stdout, "progress"), (process.stderr, "messages")):
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, name)
        while selector.get_map():
            ready = selector.select(TICK_SECONDS)
            yield "", b""
            for key, _ in ready:
                data = os.read(key.fd, 65_536)
                if not data:
                    selector.unregister(key.fileobj)
                yield key.data, data


def stop(process: subprocess.Popen[bytes]) -> None:
    """See to it that the process is gone and its pipes are closed."""
    if process.poll() is None:
        process.kill()
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


class Messages:
    """The last lines a run wrote, bounded in lines and bytes."""

    def __init__(self) -> None:
        self.lines: deque[bytes] = deque(maxlen=MESSAGE_LINES)
        self.rest = b""

    def feed(self, data: bytes) -> None:
        *whole, self.rest = (self.rest + data).split(b"\n")
        self.lines.extend(whole)
        self.rest = self.rest[-MESSAGE_BYTES:]

    def text(self) -> str:
        joined = b"\n".join([*self.lines, self.rest]).strip()
        return joined[-MESSAGE_BYTES:].decode(errors="replace")


class ProgressReader:
    """Reads the `key=value` lines of `-progress`."""

    def __init__(self) -> None:
        self.size = 0
        self.media_us = 0
        self.rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            key, _, value = line.partition(b"=")
            if key == b"total_size" and value.strip().isdigit():
                self.size = int(value)
            elif key == b"out_time_us" and value.strip().isdigit():
                self.media_us = int(value)

    @property
    def progress(self) -> Progress:
        return Progress(self.size, self.media_us)
