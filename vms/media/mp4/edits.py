"""Setting how long a finished mp4 is shown, in place.

ffmpeg hides what comes before the begin with an edit list but shows everything after it. Pictures
that are decoded before and shown after the wanted end, and the rest of the last picture, are
hidden by shortening the edit (ISO/IEC 14496-12 section 8.6.6) and the durations derived from it
(8.2.2, 8.3.2). All fields keep their width, so no offset in the file changes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from vms.media.mp4.boxes import Box, MalformedBox, walk


@dataclass(frozen=True)
class Field:
    """An unsigned number in the file, 32 or 64 bits wide."""

    offset: int
    wide: bool

    def read(self, file: BinaryIO) -> int:
        file.seek(self.offset)
        form, width = (">Q", 8) if self.wide else (">I", 4)
        (number,) = struct.unpack(form, file.read(width))
        return int(number)

    def write(self, file: BinaryIO, number: int) -> None:
        file.seek(self.offset)
        file.write(struct.pack(">Q" if self.wide else ">I", number))


def trim_end(path: Path, duration: Fraction) -> None:
    """Show every track of the file for at most *duration* seconds from its begin.

    A tick of the movie's clock that *duration* only touches still counts, so a picture that
    begins before the end is shown and one that begins at it is not.

    Raises:
        MalformedBox: the file has no movie header, or a track has no edit list.
    """
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        boxes = list(walk(file, 0, size))
        movie = next((box for box in boxes if box.kind == b"mvhd"), None)
        if movie is None:
            raise MalformedBox("no movie header")
        scale, movie_duration = movie_header(file, movie)
        wanted = -(-duration.numerator * scale // duration.denominator)
        lengths = [trim_track(file, track, wanted) for track in tracks(boxes)]
        movie_duration.write(file, max(lengths))


def shown_duration(path: Path) -> Fraction:
    """Return the seconds a player shows, as the movie header says.

    Raises:
        MalformedBox: there is no movie header.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        for box in walk(file, 0, size):
            if box.kind == b"mvhd":
                scale, duration = movie_header(file, box)
                return Fraction(duration.read(file), scale)
    raise MalformedBox("no movie header")


def tracks(boxes: list[Box]) -> list[list[Box]]:
    """Group the boxes inside each track."""
    found: list[list[Box]] = []
    for box in boxes:
        if box.kind == b"trak":
            found.append([])
        elif found and box.depth > 1:
            found[-1].append(box)
    return found


def trim_track(file: BinaryIO, boxes: list[Box], wanted: int) -> int:
    """Shorten one track's edits to *wanted* ticks of the movie clock; return its new length."""
    by_kind = {box.kind: box for box in boxes}
    if b"elst" not in by_kind or b"tkhd" not in by_kind:
        raise MalformedBox("a track without an edit list")
    length = 0
    for field in edit_durations(file, by_kind[b"elst"]):
        kept = min(field.read(file), max(0, wanted - length))
        field.write(file, kept)
        length += kept
    track_duration(file, by_kind[b"tkhd"]).write(file, length)
    return length


def version(file: BinaryIO, box: Box) -> int:
    file.seek(box.body)
    return file.read(1)[0]


def movie_header(file: BinaryIO, box: Box) -> tuple[int, Field]:
    """Return ticks a second and the duration field of `mvhd` (8.2.2)."""
    wide = version(file, box) == 1
    scale = box.body + (20 if wide else 12)
    file.seek(scale)
    (ticks,) = struct.unpack(">I", file.read(4))
    return int(ticks), Field(scale + 4, wide)


def track_duration(file: BinaryIO, box: Box) -> Field:
    """Return the duration field of `tkhd` (8.3.2)."""
    wide = version(file, box) == 1
    return Field(box.body + (28 if wide else 20), wide)


def edit_durations(file: BinaryIO, box: Box) -> list[Field]:
    """Return the duration field of every entry of `elst` (8.6.6)."""
    wide = version(file, box) == 1
    file.seek(box.body + 4)
    (count,) = struct.unpack(">I", file.read(4))
    width = 20 if wide else 12
    if box.body + 8 + count * width > box.end:
        raise MalformedBox("an edit list longer than its box")
    return [Field(box.body + 8 + index * width, wide) for index in range(count)]
