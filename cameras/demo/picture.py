"""The synthetic camera's picture: a moving ground, a burned-in UTC clock, the frame's number.

There may be no font on a machine, so the clock is drawn from seven segments.

Frame N is on screen from N / fps to (N + 1) / fps seconds after 1970-01-01T00:00:00Z. So the frame
that belongs to any instant is known without asking who made it; `frame_number` and `frame_instant`
convert. The number in the picture is that N modulo 2**32.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np

from cameras.demo.numbers import BLACK, WHITE, Gray, block_size, draw_number

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

# Which of the segments (top, upper left, upper right, middle, lower left, lower right, bottom)
# are lit for each digit.
SEGMENTS = {
    "0": "1110111",
    "1": "0010010",
    "2": "1011101",
    "3": "1011011",
    "4": "0111010",
    "5": "1101011",
    "6": "1101111",
    "7": "1010010",
    "8": "1111111",
    "9": "1111011",
    "-": "0001000",
    " ": "0000000",
}
CLOCK_LENGTH = len("2026-01-02 03:04:05.678")


def frame_number(instant: datetime, fps: int) -> int:
    """Return the number of the frame on screen at *instant*, not yet modulo 2**32."""
    return (instant - EPOCH) // MICROSECOND * fps // 1_000_000


def frame_instant(number: int, fps: int) -> datetime:
    """Return the first whole microsecond at which frame *number* is on screen."""
    return EPOCH + timedelta(microseconds=-(-number * 1_000_000 // fps))


@dataclass(frozen=True)
class Picture:
    """Draws frames of one size and rate as yuv420p; *tint* is the pair of chroma values."""

    width: int
    height: int
    fps: int
    tint: tuple[int, int] = (128, 128)

    def frame(self, number: int) -> bytes:
        """Draw frame *number* and return its planes, `width * height * 3 / 2` bytes."""
        gray = self.ground(number)
        draw_number(gray, number)
        draw_clock(gray, frame_instant(number, self.fps))
        return gray.tobytes() + chroma(self.width, self.height, self.tint)

    def ground(self, number: int) -> Gray:
        """Return a copy of the ground: soft stripes that wander to the left, and a light square."""
        stripes = ground_strip(self.width, self.height)
        offset = number * 2 % self.width
        gray: Gray = stripes[:, offset : offset + self.width].copy()
        edge = max(self.height // 8, 4)
        left = number * 3 % (self.width - edge)
        gray[-edge - 4 : -4, left : left + edge] = 200
        return gray


@cache
def ground_strip(width: int, height: int) -> Gray:
    """Make the ground two pictures wide, repeating itself after *width*."""
    across = np.sin(np.arange(2 * width) * (4 * np.pi / width))
    down = np.linspace(-20, 20, height)
    strip: Gray = (90 + 30 * across[None, :] + down[:, None]).astype(np.uint8)
    return strip


@cache
def chroma(width: int, height: int, tint: tuple[int, int]) -> bytes:
    quarter = (width // 2) * (height // 2)
    return bytes([tint[0]]) * quarter + bytes([tint[1]]) * quarter


def draw_clock(gray: Gray, wall: datetime) -> None:
    """Draw `YYYY-MM-DD HH:MM:SS.mmm` below the number, in place."""
    height, width = gray.shape
    cell = width // (CLOCK_LENGTH + 2)
    tall = min(cell * 2, height // 6)
    top = block_size(width) * 6
    text = wall.strftime("%Y-%m-%d %H:%M:%S.") + f"{wall.microsecond // 1000:03d}"
    strip = np.hstack([glyph(letter, cell, tall) for letter in text])
    left = (width - strip.shape[1]) // 2
    below = gray[top : top + tall, left : left + strip.shape[1]]
    below[:] = strip[: below.shape[0]]


@cache
def glyph(letter: str, cell: int, tall: int) -> Gray:
    """Draw one character into a dark cell of *cell* by *tall* pixels."""
    box = np.full((tall, cell), BLACK, dtype=np.uint8)
    line = max(cell // 6, 1)
    right, half = cell - 2 * line, tall // 2
    if letter in ":.":
        for row in (tall - 2 * line,) if letter == "." else (tall // 3, 2 * tall // 3):
            box[row : row + line, cell // 2 - line : cell // 2] = WHITE
        return box
    bottom = tall - line
    areas = (
        (slice(line, 2 * line), slice(line, right)),
        (slice(line, half), slice(line, 2 * line)),
        (slice(line, half), slice(right - line, right)),
        (slice(half - line, half), slice(line, right)),
        (slice(half, bottom), slice(line, 2 * line)),
        (slice(half, bottom), slice(right - line, right)),
        (slice(bottom - line, bottom), slice(line, right)),
    )
    for lit, area in zip(SEGMENTS[letter], areas, strict=True):
        if lit == "1":
            box[area] = WHITE
    return box
