"""Past footage of the synthetic camera, made faster than real time, as segments of an archive."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path
from subprocess import PIPE
from typing import IO, cast

from cameras.archive.layout import vms_path
from cameras.archive.muxing import read_list, segment_arguments
from cameras.demo.encoding import Encoding
from cameras.demo.picture import Picture, frame_instant, frame_number
from cameras.demo.sound import beep_source
from vms.media.process import tie_to_parent

LIST = "list"


class RenderFailed(Exception):
    """ffmpeg did not make the footage; the message holds its last words."""


def render_footage(
    program: Path,
    folder: Path,
    begin: datetime,
    seconds: float,
    *,
    encoding: Encoding,
    segment_seconds: float = 10,
    container: str = "fmp4",
) -> list[Path]:
    """Make *seconds* of footage from *begin* on in *folder*, laid out as our recorder does.

    The first frame is the one on screen at *begin*, so the footage begins up to one frame before
    it unless *begin* lies on the grid of frames (a full second always does). Returns the files by
    time; files of another *container* than mp4 have another ending.

    Raises:
        RenderFailed: ffmpeg ended badly.
    """
    first = frame_number(begin, encoding.fps)
    numbers = range(first, first + round(seconds * encoding.fps))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".rendering-", dir=folder) as work:
        encode(program, Path(work), numbers, encoding, segment_seconds, container)
        return place(Path(work), folder, first, encoding.fps, container)


def encode(
    program: Path,
    work: Path,
    numbers: range,
    encoding: Encoding,
    segment_seconds: float,
    container: str,
) -> None:
    """Draw the frames *numbers* and have ffmpeg write segments of them into *work*."""
    sound = beep_source(frame_instant(numbers.start, encoding.fps)) if encoding.audio else []
    command = [
        *(str(program), "-hide_banner", "-nostats", "-loglevel", "error"),
        *encoding.picture_source(),
        *sound,
        *("-map", "0:v", *(("-map", "1:a", "-shortest") if sound else ())),
        *encoding.codec_arguments(),
        *("-t", f"{len(numbers) / encoding.fps:.6f}"),
        *segment_arguments(
            pattern="%06d", seconds=segment_seconds, list_to=LIST, container=container
        ),
    ]
    picture = Picture(encoding.width, encoding.height, encoding.fps, encoding.tint)
    with (work / "messages").open("wb") as messages:
        process = subprocess.Popen(
            command, cwd=work, stdin=PIPE, stderr=messages, preexec_fn=tie_to_parent()
        )
        with process:
            feed(cast("IO[bytes]", process.stdin), picture, numbers)
    if process.returncode != 0:
        raise RenderFailed((work / "messages").read_text(errors="replace")[-2000:])


def feed(stdin: IO[bytes], picture: Picture, numbers: range) -> None:
    """Write the frames; when ffmpeg goes away before the end, its exit code tells."""
    with contextlib.suppress(BrokenPipeError), stdin:
        for number in numbers:
            stdin.write(picture.frame(number))


def place(work: Path, folder: Path, first: int, fps: int, container: str) -> list[Path]:
    """Move the closed segments to where the layout wants them, named by their exact begin."""
    suffix = ".ts" if container == "mpegts" else ".mp4"
    placed = []
    for segment in read_list((work / LIST).read_text().splitlines()):
        begin = frame_instant(first + round(segment.begin * fps), fps)
        target = (folder / vms_path(begin)).with_suffix(suffix)
        target.parent.mkdir(parents=True, exist_ok=True)
        placed.append((work / segment.name).rename(target))
    return placed
