"""Recipes: which footage, and what is done to its bytes, one mutation after another.

A mutation is a list of plain values, first its name, so recipes are kept as JSON. Boxes are named
by kind and number (taken modulo how many there are), places are taken modulo the length. What
does not apply, because an earlier mutation took the box away, is left out.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.media.fuzz.boxes import Box, find_boxes, replace

Mutation = list[Any]
Seeds = Mapping[str, bytes]

WORDS = {1: ">B", 2: ">H", 4: ">I", 8: ">Q"}
# Counts at which limits are likely, and the edges of every width and sign.
EDGES = (
    *(0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 255, 256, 65_535, 65_536),
    *(1_000_000, 9_999_999, 10_000_000, 10_000_001, 2**24, 2**28),
    *(2**31 - 1, 2**31, 2**31 + 1, 2**32 - 2, 2**32 - 1),
    *(2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1),
)
KINDS = (
    *("moov", "mvhd", "trak", "tkhd", "edts", "elst", "mdia", "mdhd", "hdlr", "minf", "stbl"),
    *("stsd", "stts", "stsz", "stz2", "stsc", "stco", "co64", "ctts", "stss", "mvex", "trex"),
    *("moof", "mfhd", "traf", "tfhd", "tfdt", "trun", "mdat", "free"),
    *("encv", "avc1", "avcC", "mp4a", "esds"),
)


@dataclass(frozen=True)
class Recipe:
    seed: str
    mutations: tuple[Mutation, ...]

    def cook(self, seeds: Seeds) -> bytes:
        """Return the input."""
        content = bytearray(seeds[self.seed])
        for name, *values in self.mutations:
            MUTATIONS[name](content, seeds, *values)
        return bytes(content)


def pick(content: bytearray, kind: str, number: int) -> Box | None:
    boxes = [box for box in find_boxes(content) if box.kind == kind]
    return boxes[number % len(boxes)] if boxes else None


def byte(content: bytearray, _seeds: Seeds, at: int, value: int) -> None:
    if content:
        content[at % len(content)] = value


def put(content: bytearray, _seeds: Seeds, at: int, width: int, value: int) -> None:
    """Write a word anywhere, little endian."""
    if len(content) >= width:
        place = at % (len(content) - width + 1)
        content[place : place + width] = (value % (1 << 8 * width)).to_bytes(width, "little")


def cut(content: bytearray, _seeds: Seeds, at: int) -> None:
    if content:
        del content[at % len(content) :]


def pad(content: bytearray, _seeds: Seeds, count: int, value: int) -> None:
    content += bytes([value]) * count


def drop(content: bytearray, _seeds: Seeds, kind: str, number: int) -> None:
    if box := pick(content, kind, number):
        replace(content, box, b"")


def double(content: bytearray, _seeds: Seeds, kind: str, number: int, times: int) -> None:
    if box := pick(content, kind, number):
        replace(content, box, bytes(content[box.begin : box.end]) * times)


def swap(content: bytearray, _seeds: Seeds, kind: str, number: int, other: str) -> None:
    """Put a copy of a box of another kind in the place of one."""
    box, source = pick(content, kind, number), pick(content, other, number)
    if box and source:
        replace(content, box, bytes(content[source.begin : source.end]))


def graft(content: bytearray, seeds: Seeds, kind: str, number: int, seed: str, other: str) -> None:
    """Put a box of other footage behind one."""
    box, giver = pick(content, kind, number), bytearray(seeds[seed])
    source = pick(giver, other, number)
    if box and source:
        piece = bytes(content[box.begin : box.end]) + bytes(giver[source.begin : source.end])
        replace(content, box, piece)


def splice(content: bytearray, seeds: Seeds, at: int, seed: str, begin: int) -> None:
    """Go on with other footage from some byte on."""
    giver = seeds[seed]
    if content:
        content[at % len(content) :] = giver[begin % len(giver) :]


def state(content: bytearray, _seeds: Seeds, kind: str, number: int, size: int) -> None:
    """Let a box state another size than it has."""
    if box := pick(content, kind, number):
        struct.pack_into(">I", content, box.begin, size % 2**32)


def widen(content: bytearray, _seeds: Seeds, kind: str, number: int, more: int) -> None:
    """Give a box a size of 64 bits, by *more* larger than it is."""
    box = pick(content, kind, number)
    if box and box.body == box.begin + 8:
        size = (box.end - box.begin + 8 + more) % 2**64
        head = struct.pack(">I4sQ", 1, kind.encode("latin-1"), size)
        replace(content, box, head + bytes(content[box.body : box.end]))


def rename(content: bytearray, _seeds: Seeds, kind: str, number: int, other: str) -> None:
    if box := pick(content, kind, number):
        content[box.begin + 4 : box.begin + 8] = other.encode("latin-1")


def write(
    content: bytearray, _seeds: Seeds, kind: str, number: int, at: int, width: int, value: int
) -> None:
    """Write a field into the body of a box."""
    box = pick(content, kind, number)
    if box and box.end - box.body >= width:
        place = box.body + at % (box.end - box.body - width + 1)
        struct.pack_into(WORDS[width], content, place, value % (1 << 8 * width))


def extend(
    content: bytearray, _seeds: Seeds, kind: str, number: int, count: int, value: int
) -> None:
    """Let a box end in *count* more bytes."""
    if box := pick(content, kind, number):
        whole = bytes(content[box.begin : box.end]) + bytes([value]) * count
        length = int.from_bytes(whole[:4], "big")
        if length > 1:
            whole = struct.pack(">I", length + count) + whole[4:]
        replace(content, box, whole)


def trim(content: bytearray, _seeds: Seeds, kind: str, number: int, count: int) -> None:
    """Let a box end *count* bytes sooner."""
    box = pick(content, kind, number)
    if box and box.body == box.begin + 8:
        kept = max(box.body, box.end - count)
        whole = bytes(content[box.begin : kept])
        replace(content, box, struct.pack(">I", len(whole)) + whole[4:])


MUTATIONS: dict[str, Callable[..., None]] = {
    one.__name__: one
    for one in (
        *(byte, put, cut, pad, drop, double, swap, graft, splice),
        *(state, widen, rename, write, extend, trim),
    )
}
