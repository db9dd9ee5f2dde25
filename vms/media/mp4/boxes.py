"""Walking the boxes of an mp4 file (ISO/IEC 14496-12 section 4.2)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

# Boxes that hold nothing but boxes, as far as we look into them.
CONTAINERS = {b"moov", b"trak", b"edts", b"mdia"}


class MalformedBox(Exception):
    """A box claims a size that cannot be."""


@dataclass(frozen=True)
class Box:
    """One box: `body` and `end` are offsets in the file, `depth` counts the boxes around it."""

    kind: bytes
    body: int
    end: int
    depth: int


def walk(file: BinaryIO, begin: int, end: int, depth: int = 0) -> Iterator[Box]:
    """Yield the boxes between two offsets, and those inside known containers, in file order.

    Raises:
        MalformedBox: a size is smaller than its header or reaches past *end*.
    """
    while begin + 8 <= end:
        file.seek(begin)
        size, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            header = 16
        elif size == 0:
            size = end - begin
        if size < header or begin + size > end:
            raise MalformedBox(f"a box at {begin} claims {size} bytes")
        yield Box(kind, begin + header, begin + size, depth)
        if kind in CONTAINERS:
            yield from walk(file, begin + header, begin + size, depth + 1)
        begin += size
