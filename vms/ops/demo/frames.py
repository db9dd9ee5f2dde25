"""Which pictures a file has to show, and which it shows: read off the numbers in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import cast

import av

from cameras.demo.numbers import WRAP, Gray, read_number
from cameras.demo.picture import frame_instant, frame_number
from cameras.timeline import Interval

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Delivered:
    """What a player shows of a file: frame numbers in order, and for how long.

    `hidden` counts the pictures before the first one, from the keyframe on, that it needs but
    does not show. None stands for a picture without a readable number.
    """

    numbers: list[int | None]
    duration: Fraction
    hidden: int


def expected_numbers(asked: Interval, fps: int) -> range:
    """Number the frames of *asked*: the one on screen at its begin, and all that begin in it."""
    last = frame_number(asked.end - MICROSECOND, fps)
    return range(frame_number(asked.begin, fps), last + 1)


def decode(path: Path, near: int) -> Delivered:
    """Decode *path* as a player does, edit list and all; numbers are completed to be near *near*.

    Raises:
        av.FFmpegError: it cannot be decoded.
    """
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        duration = Fraction(container.duration or 0, 1_000_000)
        packets = sum(1 for packet in container.demux(video) if packet.size)
    numbers = [complete(number, near) for number in shown_numbers(path)]
    return Delivered(numbers, duration, packets - len(numbers))


def shown_numbers(path: Path) -> Iterator[int | None]:
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.video[0]):
            if frame.pts is not None and frame.pts >= 0:
                yield read_number(cast("Gray", frame.to_ndarray(format="gray")))


def complete(number: int | None, near: int) -> int | None:
    """Undo the cut to 32 bits: of all numbers that look like *number*, take that nearest *near*."""
    if number is None:
        return None
    half = WRAP // 2
    return near + (number - near + half) % WRAP - half


def first_difference(wanted: range, shown: list[int | None], fps: int) -> str | None:
    """Say in words where *shown* departs from *wanted*; None when it does not."""
    for index, (expected, found) in enumerate(zip(wanted, shown, strict=False)):
        if expected != found:
            return f"picture {index + 1} should be {spoken(expected, fps)}, is {spoken(found, fps)}"
    if len(wanted) != len(shown):
        return f"{len(wanted)} pictures should be shown, {len(shown)} are"
    return None


def spoken(number: int | None, fps: int) -> str:
    if number is None:
        return "one without a number"
    return f"number {number} of {clock(frame_instant(number, fps))}"


def clock(instant: datetime) -> str:
    """Write *instant* as the picture does."""
    return f"{instant:%H:%M:%S}.{instant.microsecond // 1000:03d}"
