"""How much of a fragmented mp4 is whole when its writer was killed.

Boxes: ISO/IEC 14496-12, section 4.2.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

HEADER = 8
LARGE_HEADER = 16
# What ffmpeg writes at the top level of a fragmented mp4.
WRITTEN = frozenset({b"ftyp", b"moov", b"sidx", b"moof", b"mdat", b"mfra", b"free"})


class Content(Enum):
    """What a leftover holds, by its boxes."""

    FRAGMENTS = "whole fragments"
    NOTHING = "no whole fragment"
    UNCLEAR = "fragments, but it is damaged"


def content_of(path: Path) -> Content:
    """Say what *path* holds; nothing of it is changed.

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    if size < HEADER:
        return Content.NOTHING
    with path.open("rb") as file:
        found = list(boxes(file, size))
        whole = [kind for kind, end in found if end <= size]
        if (b"moof", b"mdat") in pairwise(whole):
            return Content.FRAGMENTS
        is_followed = found and found[-1][1] + HEADER > size and WRITTEN.issuperset(dict(found))
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            is_damaged = not is_followed and data.find(b"moof") >= 0
    return Content.UNCLEAR if is_damaged else Content.NOTHING


def drop_partial_fragment(path: Path) -> int:
    """Cut *path* after its last whole fragment; returns how many bytes that took away.

    The time it was last written stays that of its writer: it may be all that dates the footage.

    Raises:
        OSError: the file cannot be read or cut.
    """
    found = path.stat()
    size = found.st_size
    with path.open("r+b") as file:
        whole = whole_length(file, size)
        if whole < size:
            file.truncate(whole)
            os.utime(file.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))
            os.fsync(file.fileno())
    return size - whole


def whole_length(file: BinaryIO, size: int) -> int:
    """Return where the last whole box ends; a `moof` counts once its `mdat` is whole too."""
    whole = 0
    for kind, end in boxes(file, size):
        if end > size:
            break
        if kind != b"moof":
            whole = end
    return whole


def boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Yield kind and end of each box at the top level; the last end may lie past *size*."""
    begin = 0
    while begin + HEADER <= size:
        file.seek(begin)
        header = file.read(LARGE_HEADER)
        length, kind = struct.unpack(">I4s", header[:HEADER])
        if length == 1 and len(header) == LARGE_HEADER:
            (length,) = struct.unpack(">Q", header[HEADER:])
        if length < HEADER:
            return
        begin += length
        yield kind, begin
