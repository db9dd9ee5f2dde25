"""Small archives whose frames carry numbers and whose sound beeps, and how to read them back.

Made once a test run and copied from then on. Frame and beep are where the wall clock wants them
(`cameras.demo`): frame N begins N / fps seconds after 1970, a beep begins at each full second.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from cameras.archive.layout import PRESETS
from cameras.demo.encoding import Encoding
from cameras.demo.footage import render_footage
from cameras.demo.numbers import WRAP, read_number
from cameras.demo.picture import frame_instant, frame_number
from vms.media.ffmpeg import find_ffmpeg

BEGIN = datetime(2026, 3, 14, 9, 26, 0, tzinfo=UTC)
LOUD = 0.12
SILENCE_SECONDS = 0.3

# Set by a session fixture in conftest; shared by the processes of one test run.
cache_dir: list[Path] = []


@dataclass(frozen=True)
class Footage:
    """One stream's archive to be made; *begin* is best a full second, *gop* counts frames."""

    seconds: float = 20
    begin: datetime = BEGIN
    fps: int = 10
    gop: int = 20
    bframes: int = 0
    codec: str = "h264"
    audio: str | None = "aac"
    container: str = "fmp4"
    segment_seconds: float = 4
    width: int = 160
    height: int = 90

    @property
    def end(self) -> datetime:
        return self.begin + timedelta(seconds=self.seconds)

    def make(self, folder: Path) -> list[Path]:
        """Put the segments into *folder* in the `vms` layout; returns them by time.

        They look as if written when they were recorded: each was last changed when it ended.
        """
        if not cache_dir:
            return self.render(folder)
        made = cache_dir[0] / hashlib.sha256(repr(self).encode()).hexdigest()[:16]
        if not made.exists():
            own = made.with_name(f"{made.name}.{os.getpid()}")
            self.render(own)
            try:
                own.rename(made)
            except OSError:  # another process of this run was quicker
                shutil.rmtree(own)
        shutil.copytree(made, folder, dirs_exist_ok=True)
        return sorted(
            folder / path.relative_to(made) for path in made.rglob("*.*") if path.is_file()
        )

    def render(self, folder: Path) -> list[Path]:
        segments = render_footage(
            find_ffmpeg(),
            folder,
            self.begin,
            self.seconds,
            encoding=Encoding(
                width=self.width,
                height=self.height,
                fps=self.fps,
                gop=self.gop,
                bframes=self.bframes,
                codec=self.codec,
                audio=self.audio,
            ),
            segment_seconds=self.segment_seconds,
            container=self.container,
        )
        for segment, later in zip(segments, [*segments[1:], None], strict=True):
            ended = begin_of(later) if later else self.end
            os.utime(segment, (ended.timestamp(), ended.timestamp()))
        return segments

    def number_at(self, instant: datetime) -> int:
        """Return the number of the frame on screen at *instant*, as `decode_numbers` reads it."""
        return frame_number(instant, self.fps) % WRAP

    def numbers_in(self, begin: datetime, end: datetime) -> list[int]:
        """List what an exact export of `[begin, end)` shows: from the frame on screen at *begin*
        to the last one that begins before *end*.
        """
        first = frame_number(begin, self.fps)
        last = frame_number(end, self.fps)
        if frame_instant(last, self.fps) >= end:
            last -= 1
        return [number % WRAP for number in range(first, last + 1)]


def begin_of(segment: Path) -> datetime:
    """Read a segment's begin from its name in the `vms` layout."""
    pattern = PRESETS["vms"].rsplit("/", 1)[1].removesuffix(".mp4")
    return datetime.strptime(segment.stem, pattern).replace(tzinfo=UTC)


def decode_numbers(path: Path) -> list[tuple[Fraction, int | None]]:
    """Decode the frames a player would show: (seconds on the file's clock, number), in order.

    Edit lists are honoured: frames they hide are dropped by the decoder (plain mp4) or lie before
    zero (fragmented mp4). A picture whose number cannot be read has None.
    """
    shown = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            seconds = frame.pts * frame.time_base
            if seconds >= 0:
                shown.append((seconds, read_number(frame.to_ndarray(format="gray"))))
    return shown


def decode_beeps(path: Path) -> list[float]:
    """Return when each beep begins, in seconds on the file's clock, of the sound a player plays.

    A file that begins inside a beep has that beep at its first sample.
    """
    times, levels = decode_sound(path)
    loud = times[levels > LOUD]
    if not loud.size:
        return []
    return [float(loud[0]), *(loud[1:][np.diff(loud) > SILENCE_SECONDS]).tolist()]


def decode_sound(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the seconds and the absolute level (0..1) of every sample from zero on."""
    times, levels = [np.empty(0)], [np.empty(0)]
    resampler = av.AudioResampler(format="fltp", layout="mono")
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return times[0], levels[0]
        for frame in container.decode(audio=0):
            start = float(frame.pts * frame.time_base)
            for part in resampler.resample(frame):
                sound = part.to_ndarray()[0]
                times.append(start + np.arange(sound.size) / part.sample_rate)
                levels.append(np.abs(sound))
    when, level = np.concatenate(times), np.concatenate(levels)
    return when[when >= 0], level[when >= 0]
