"""Movie fragments as arrays (ISO/IEC 14496-12 section 8.8)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from vms.media.mp4.atoms import Malformed, children, first, number, required, wide_number
from vms.media.mp4.tables import Samples, bounded, words

NOT_SYNC = 0x10000
# tfhd (8.8.7)
BASE, ENTRY, DURATION, SIZE, FLAGS, MOOF_BASE = 0x1, 0x2, 0x8, 0x10, 0x20, 0x20000
# trun (8.8.8)
OFFSET, FIRST_FLAGS = 0x1, 0x4
COLUMNS = ((0x100, "duration"), (0x200, "size"), (0x400, "flags"), (0x800, "offset"))
SIGNED = struct.Struct(">i")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a track's fragments take for granted (`trex`, 8.8.3)."""

    entry: int
    duration: int
    size: int
    flags: int


def read_defaults(movie: memoryview) -> dict[int, Defaults]:
    """Read the defaults of every track, by track id."""
    extends = first(movie, b"mvex")
    if extends is None:
        return {}
    return {
        number(body, 4): Defaults(
            number(body, 8) - 1, number(body, 12), number(body, 16), number(body, 20)
        )
        for kind, body in children(extends)
        if kind == b"trex"
    }


def read_fragment(
    body: memoryview, begin: int, defaults: dict[int, Defaults], ends: dict[int, int]
) -> dict[int, list[Samples]]:
    """Read a `moof` box that begins at *begin* in the file; returns runs of samples by track id.

    *ends* holds where each track's decode time stands, for fragments that do not say; it is
    moved on.

    Raises:
        Malformed: a box inside is missing or contradicts itself.
    """
    runs: dict[int, list[Samples]] = {}
    data_end = begin
    for kind, body_of_track in children(body):
        if kind != b"traf":
            continue
        track, found, data_end = read_track(body_of_track, begin, data_end, defaults, ends)
        runs.setdefault(track, []).extend(found)
    return runs


def read_track(
    body: memoryview, begin: int, data_end: int, defaults: dict[int, Defaults], ends: dict[int, int]
) -> tuple[int, list[Samples], int]:
    head = required(body, b"tfhd")
    flags, track = number(head, 0) & 0xFFFFFF, number(head, 4)
    known = defaults.get(track, Defaults(0, 0, 0, 0))
    base, own = header_values(head, flags, begin if flags & MOOF_BASE else data_end, known)
    when = decode_time(body)
    decoded = ends.get(track, 0) if when is None else when
    runs: list[Samples] = []
    at = base
    for kind, run in children(body):
        if kind == b"trun":
            samples, at = read_run(run, base, at, decoded, own)
            if len(samples):
                decoded = int(samples.decoded[-1]) + int(samples.duration[-1])
                runs.append(samples)
    ends[track] = decoded
    return track, runs, at


def header_values(head: memoryview, flags: int, base: int, known: Defaults) -> tuple[int, Defaults]:
    """Read what `tfhd` says instead of the track's defaults."""
    at = 8
    if flags & BASE:
        base, at = wide_number(head, at), at + 8
    values = [known.entry, known.duration, known.size, known.flags]
    for index, flag in enumerate((ENTRY, DURATION, SIZE, FLAGS)):
        if flags & flag:
            values[index], at = number(head, at) - (flag == ENTRY), at + 4
    return base, Defaults(*values)


def decode_time(body: memoryview) -> int | None:
    """Read `tfdt` (8.8.12)."""
    box = first(body, b"tfdt")
    if box is None:
        return None
    return wide_number(box, 4) if number(box, 0) >> 24 else number(box, 4)


def read_run(
    run: memoryview, base: int, at: int, decoded: int, own: Defaults
) -> tuple[Samples, int]:
    """Read one `trun` box; returns its samples and where their data ends."""
    flags, count = number(run, 0) & 0xFFFFFF, bounded(number(run, 4))
    place = 8
    if flags & OFFSET:
        number(run, place)
        at, place = base + SIGNED.unpack_from(run, place)[0], place + 4
    first_flags = None
    if flags & FIRST_FLAGS:
        first_flags, place = number(run, place), place + 4
    names = [name for flag, name in COLUMNS if flags & flag]
    rows = words(run, place, count * len(names), ">u4").reshape(count, len(names))
    column = {name: rows[:, index].astype(np.uint32) for index, name in enumerate(names)}
    size = column.get("size", np.full(count, own.size, np.uint32))
    duration = column.get("duration", np.full(count, own.duration, np.uint32))
    marks = column.get("flags", np.full(count, own.flags, np.uint32))
    if first_flags is not None and count:
        marks[0] = first_flags
    offset = column.get("offset", np.zeros(count, np.uint32)).view(np.int32)
    ends = np.cumsum(size, dtype=np.int64)
    if at < 0:
        raise Malformed("samples before the file begins")
    times = np.zeros(count, np.int64)
    np.cumsum(duration[:-1], out=times[1:])
    samples = Samples(
        at=at + ends - size,
        size=size,
        decoded=decoded + times,
        offset=offset,
        duration=duration,
        entry=np.full(count, own.entry, np.uint8),
        sync=(marks & NOT_SYNC) == 0,
    )
    return samples, at + (int(ends[-1]) if count else 0)
