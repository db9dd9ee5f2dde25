"""Setting how long a finished mp4 is shown, in place.

ffmpeg hides what comes before the begin with an edit list but shows everything after it. Pictures
that are decoded before and shown after the wanted end, and the rest of the last picture, are
hidden by shortening the edit (ISO/IEC 14496-12 section 8.6.6) and the durations derived from it
(8.2.2, 8.3.2). All fields keep their width, so no offset in the file changes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vms.media.mp4.atoms import Malformed, Top, boxes

QUICKTIME, ISO_BASE = (int.from_bytes(brand, "big") for brand in (b"qt  ", b"isom"))


@dataclass(frozen=True)
class Field:
    """An unsigned number in an open file, *width* bytes long."""

    file: int
    offset: int
    width: int

    def read(self) -> int:
        content = os.pread(self.file, self.width, self.offset)
        if len(content) < self.width:
            raise Malformed("a box that ends too soon")
        return int.from_bytes(content, "big")

    def write(self, number: int) -> None:
        os.pwrite(self.file, number.to_bytes(self.width, "big"), self.offset)


def trim_end(path: Path, duration: Fraction) -> None:
    """Show every track of the file for at most *duration* seconds from its begin.

    A tick of the movie's clock that *duration* only touches still counts, so a picture that
    begins before the end is shown and one that begins at it is not.

    Raises:
        Malformed: the file has no movie header or no track, or a track has no edit list.
    """
    with opened(path, os.O_RDWR) as file:
        movie = movie_of(file)
        scale, movie_duration = movie_header(file, movie)
        wanted = -(-duration.numerator * scale // duration.denominator)
        tracks = [box for box in inside(file, movie) if box.kind == b"trak"]
        if not tracks:
            raise Malformed("no track")
        movie_duration.write(max(trim_track(file, track, wanted) for track in tracks))


def name_iso(path: Path) -> None:
    """Call a QuickTime file, all of whose boxes ISO/IEC 14496-12 knows, what it is: an mp4 file.

    Raises:
        Malformed: it does not begin with a box of brands (4.3).
    """
    with opened(path, os.O_RDWR) as file:
        first = next(boxes(file, 0, os.fstat(file).st_size), None)
        if first is None or first.kind != b"ftyp":
            raise Malformed("no brands")
        for at in (first.body, *range(first.body + 8, first.end, 4)):
            if Field(file, at, 4).read() == QUICKTIME:
                Field(file, at, 4).write(ISO_BASE)


def shown_duration(path: Path) -> Fraction:
    """Return the seconds a player shows, as the movie header says.

    Raises:
        Malformed: there is no movie header.
    """
    with opened(path, os.O_RDONLY) as file:
        scale, duration = movie_header(file, movie_of(file))
        return Fraction(duration.read(), scale)


@contextmanager
def opened(path: Path, mode: int) -> Iterator[int]:
    file = os.open(path, mode | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


def movie_of(file: int) -> Top:
    size = os.fstat(file).st_size
    movie = next((box for box in boxes(file, 0, size) if box.kind == b"moov"), None)
    if movie is None or movie.end > size:
        raise Malformed("no movie box")
    return movie


def inside(file: int, box: Top) -> Iterator[Top]:
    """Yield the boxes in a box.

    Raises:
        Malformed: one reaches past the box around it.
    """
    for child in boxes(file, box.body, box.end):
        if child.end > box.end:
            raise Malformed(f"a {child.kind!r} box of impossible size")
        yield child


def descend(file: int, box: Top, *path: bytes) -> Top:
    """Return the first box at a path of kinds.

    Raises:
        Malformed: it is missing.
    """
    for kind in path:
        found = next((child for child in inside(file, box) if child.kind == kind), None)
        if found is None:
            raise Malformed(f"no {kind!r} box")
        box = found
    return box


def trim_track(file: int, track: Top, wanted: int) -> int:
    """Shorten one track's edits to *wanted* ticks of the movie clock; return its new length."""
    length = 0
    for field in edit_durations(file, descend(file, track, b"edts", b"elst")):
        kept = min(field.read(), max(0, wanted - length))
        field.write(kept)
        length += kept
    track_duration(file, descend(file, track, b"tkhd")).write(length)
    return length


def is_wide(file: int, box: Top) -> bool:
    """Say whether times in a box are 64 bits wide: its version is 1."""
    return Field(file, box.body, 1).read() == 1


def movie_header(file: int, movie: Top) -> tuple[int, Field]:
    """Return ticks a second and the duration field of `mvhd` (8.2.2)."""
    box = descend(file, movie, b"mvhd")
    wide = is_wide(file, box)
    scale = box.body + (20 if wide else 12)
    ticks = Field(file, scale, 4).read()
    if ticks == 0:
        raise Malformed("a clock that stands still")
    return ticks, Field(file, scale + 4, 8 if wide else 4)


def track_duration(file: int, box: Top) -> Field:
    """Return the duration field of `tkhd` (8.3.2)."""
    wide = is_wide(file, box)
    return Field(file, box.body + (28 if wide else 20), 8 if wide else 4)


def edit_durations(file: int, box: Top) -> list[Field]:
    """Return the duration field of every entry of `elst` (8.6.6)."""
    wide = is_wide(file, box)
    count = Field(file, box.body + 4, 4).read()
    entry, width = (20, 8) if wide else (12, 4)
    if box.body + 8 + count * entry > box.end:
        raise Malformed("an edit list longer than its box")
    return [Field(file, box.body + 8 + index * entry, width) for index in range(count)]
