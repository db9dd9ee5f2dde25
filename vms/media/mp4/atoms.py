"""Finding boxes: in a file by its headers, in memory by slices (ISO/IEC 14496-12 section 4.2)."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

HEADER = struct.Struct(">I4s")
WORD = struct.Struct(">I")
WIDE = struct.Struct(">Q")
# No segment has more boxes behind one another than this: a fragment each tenth of a second, a day.
MOST_BOXES = 4_000_000


class Malformed(Exception):
    """The boxes of a file contradict themselves; the message says how, in words for a log."""


# Read with each header: most fragments' boxes are no larger, and then need no second read.
AHEAD = 4096


@dataclass(frozen=True, slots=True)
class Top:
    """A box found in a file: its kind, where it begins, where its content does, where it ends.

    `content` is its content if it was read along with the header.
    """

    kind: bytes
    begin: int
    body: int
    end: int
    content: memoryview | None


def boxes(file: int, begin: int, limit: int) -> Iterator[Top]:
    """Yield the boxes that begin in `[begin, limit)` of an open file, in order.

    The last may reach past the end: the file was cut short in it. Nothing follows a header that
    cannot be.
    """
    for _ in range(MOST_BOXES):
        header = os.pread(file, AHEAD, begin)
        if len(header) < HEADER.size:
            return
        length, kind = HEADER.unpack_from(header)
        body = begin + 8
        if length == 1:
            if len(header) < 16:  # noqa: PLR2004 - a header with a wide size
                return
            (length,) = WIDE.unpack_from(header, 8)
            body = begin + 16
        elif length == 0:
            length = limit - begin
        if begin + length < body or not kind.isascii():
            return
        content = memoryview(header)[body - begin : length] if length <= len(header) else None
        yield Top(kind, begin, body, begin + length, content)
        begin += length
        if begin >= limit:
            return


def children(content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield kind and content of the boxes in a box.

    Raises:
        Malformed: a size is smaller than its header or reaches past the box around it.
    """
    at, end = 0, len(content)
    while at + HEADER.size <= end:
        length, kind = HEADER.unpack_from(content, at)
        body = at + 8
        if length == 1 and at + 16 <= end:
            (length,) = WIDE.unpack_from(content, at + 8)
            body = at + 16
        elif length == 0:
            length = end - at
        if at + length < body or at + length > end:
            raise Malformed(f"a {kind!r} box of impossible size")
        yield kind, content[body : at + length]
        at += length


def first(content: memoryview, *path: bytes) -> memoryview | None:
    """Return the content of the first box at a path of kinds, None when there is none."""
    for kind in path:
        for name, body in children(content):
            if name == kind:
                content = body
                break
        else:
            return None
    return content


def by_kind(content: memoryview) -> dict[bytes, memoryview]:
    """Return the first box of each kind.

    Raises:
        Malformed: as `children`.
    """
    found: dict[bytes, memoryview] = {}
    for kind, body in children(content):
        found.setdefault(kind, body)
    return found


def required(content: memoryview, *path: bytes) -> memoryview:
    """Return the content of the box at a path.

    Raises:
        Malformed: it is missing.
    """
    found = first(content, *path)
    if found is None:
        raise Malformed(f"no {b'/'.join(path)!r} box")
    return found


def number(content: memoryview, at: int) -> int:
    """Read 32 unsigned bits.

    Raises:
        Malformed: the box ends before.
    """
    try:
        return int(WORD.unpack_from(content, at)[0])
    except struct.error as error:
        raise Malformed("a box that ends too soon") from error


def wide_number(content: memoryview, at: int) -> int:
    """Read 64 unsigned bits; raises as `number` does."""
    try:
        return int(WIDE.unpack_from(content, at)[0])
    except struct.error as error:
        raise Malformed("a box that ends too soon") from error
