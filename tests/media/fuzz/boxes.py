"""Finding the boxes of an input that may be broken already; the fuzzer's own eyes.

Shares nothing with the reader under test: what that one gets wrong must not be hidden here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

# How many bytes of a container come before the boxes inside it.
CONTAINERS = {
    **dict.fromkeys(("moov", "trak", "edts", "mdia", "minf", "dinf", "stbl", "mvex"), 0),
    **dict.fromkeys(("moof", "traf", "udta", "sinf", "schi"), 0),
    "stsd": 8,
    **dict.fromkeys(("avc1", "avc3", "hvc1", "hev1", "encv"), 78),
    **dict.fromkeys(("mp4a", "enca", "alaw", "ulaw", "Opus"), 28),
}
DEEPEST = 12


@dataclass(frozen=True)
class Box:
    """A box: where it begins, where its body does, where it ends; `around` are its ancestors."""

    kind: str
    begin: int
    body: int
    end: int
    around: tuple[int, ...]


def find_boxes(content: bytes | bytearray) -> list[Box]:
    """List all boxes of *content*, outer ones first; stops quietly where nothing makes sense."""
    found: list[Box] = []
    look(content, 0, len(content), (), found)
    return found


def look(
    content: bytes | bytearray, at: int, end: int, around: tuple[int, ...], found: list[Box]
) -> None:
    while at + 8 <= end:
        length, name = struct.unpack_from(">I4s", content, at)
        body = at + 8
        if length == 1 and at + 16 <= end:
            (length,) = struct.unpack_from(">Q", content, at + 8)
            body = at + 16
        if length < body - at or at + length > end:
            return
        kind = name.decode("latin-1")
        found.append(Box(kind, at, body, at + length, around))
        if kind in CONTAINERS and len(around) < DEEPEST:
            inside = body + CONTAINERS[kind]
            look(content, inside, at + length, (*around, at), found)
        at += length


def replace(content: bytearray, box: Box, piece: bytes) -> None:
    """Put *piece* in the place of a box; the boxes around it take on the new size."""
    change = len(piece) - (box.end - box.begin)
    content[box.begin : box.end] = piece
    for at in box.around:
        resize(content, at, change)


def resize(content: bytearray, at: int, change: int) -> None:
    """Add to the size a box states; one that cannot hold it keeps what it has."""
    (length,) = struct.unpack_from(">I", content, at)
    form, place = (">Q", at + 8) if length == 1 else (">I", at)
    (length,) = struct.unpack_from(form, content, place)
    if 0 <= length + change < 1 << (64 if form == ">Q" else 32):
        struct.pack_into(form, content, place, length + change)
