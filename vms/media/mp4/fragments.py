"""Reading movie fragments (ISO/IEC 14496-12 section 8.8)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vms.media.mp4.atoms import Malformed, children, first, number, wide_number
from vms.media.mp4.table import NO_TICKS, Array, Ints, Table, runs, shifts
from vms.media.mp4.tables import FARTHEST, bounded, needed, words

NOT_SYNC = 0x10000
# tfhd (8.8.7)
BASE, ENTRY, DURATION, SIZE, FLAGS, MOOF_BASE = 0x1, 0x2, 0x8, 0x10, 0x20, 0x20000
# trun (8.8.8)
OFFSET, FIRST_FLAGS = 0x1, 0x4
COLUMNS = (("duration", 0x100), ("size", 0x200), ("flags", 0x400), ("offset", 0x800))
SIGNED = struct.Struct(">i")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a track's fragments take for granted (`trex`, 8.8.3)."""

    entry: int
    duration: int
    size: int
    flags: int


@dataclass(frozen=True, slots=True)
class Run:
    """One `trun` box: samples that lie behind one another from *at* on.

    `rows` are its columns in the order of `COLUMNS`, those that *flags* says are there; `own`
    stands in for the others. `first_flags` are those of the first sample if they differ.
    """

    flags: int
    at: int
    decoded: int
    own: Defaults
    first_flags: int | None
    rows: Array

    def column(self, name: str, flag: int) -> Array:
        """Return a column as 32 bits a sample."""
        if self.flags & flag:
            place = sum(bool(self.flags & other) for _, other in COLUMNS if other < flag)
            return self.rows[:, place]
        return np.full(len(self.rows), getattr(self.own, name, 0), ">u4")

    def total(self, name: str, flag: int) -> int:
        if self.flags & flag:
            return int(self.column(name, flag).sum(dtype=np.int64))
        return len(self.rows) * int(getattr(self.own, name, 0))

    @property
    def data_end(self) -> int:
        """Offset at which its samples end."""
        return self.at + self.total("size", 0x200)

    @property
    def ticks(self) -> int:
        """The sum of its durations."""
        return self.total("duration", 0x100)


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


class Fragments:
    """Reads one `moof` box after the other; `runs` holds what was found by track id."""

    def __init__(self, defaults: dict[int, Defaults], limit: int) -> None:
        self.defaults = defaults
        self.limit = limit
        self.count = 0
        self.runs: dict[int, list[Run]] = {}

    def read(self, body: memoryview, begin: int) -> None:
        """Read the content of a box that begins at *begin* in the file.

        Raises:
            Malformed: a box inside is missing or contradicts itself; nothing of it is kept.
        """
        found: list[tuple[int, Run]] = []
        before: Run | None = None
        for kind, content in children(body):
            if kind == b"traf":
                found += self.read_track(content, begin, before)
                before = found[-1][1] if found else None
        for track, run in found:
            self.runs.setdefault(track, []).append(run)

    def read_track(self, body: memoryview, begin: int, before: Run | None) -> list[tuple[int, Run]]:
        """Read a `traf` box (8.8.6); *before* is the run read last in this fragment."""
        boxes = list(children(body))
        head = needed(dict(boxes), b"tfhd")
        flags, track = number(head, 0) & 0xFFFFFF, number(head, 4)
        known = self.defaults.get(track, Defaults(0, 0, 0, 0))
        implied = begin if flags & MOOF_BASE or before is None else before.data_end
        base, own = header_values(head, flags, implied, known)
        when = decode_time(boxes)
        last = self.runs[track][-1] if track in self.runs else None
        found: list[tuple[int, Run]] = []
        for kind, content in boxes:
            if kind != b"trun":
                continue
            previous = found[-1][1] if found else None
            if previous is not None:
                when = previous.decoded + previous.ticks
            elif when is None:
                when = last.decoded + last.ticks if last is not None else 0
            run = read_run(content, base, previous, when, own, self.limit - self.count)
            if len(run.rows):
                self.count += len(run.rows)
                found.append((track, run))
        return found


def header_values(head: memoryview, flags: int, base: int, known: Defaults) -> tuple[int, Defaults]:
    """Read what `tfhd` says instead of the track's defaults."""
    at = 8
    if flags & BASE:
        base, at = wide_number(head, at), at + 8
    values = [known.entry, known.duration, known.size, known.flags]
    if not flags & (ENTRY | DURATION | SIZE | FLAGS):
        return base, known
    for index, flag in enumerate((ENTRY, DURATION, SIZE, FLAGS)):
        if flags & flag:
            values[index], at = number(head, at) - (flag == ENTRY), at + 4
    return base, Defaults(*values)


def decode_time(boxes: Iterable[tuple[bytes, memoryview]]) -> int | None:
    """Read `tfdt` (8.8.12)."""
    box = dict(boxes).get(b"tfdt")
    if box is None:
        return None
    return wide_number(box, 4) if number(box, 0) >> 24 else number(box, 4)


def read_run(
    box: memoryview, base: int, previous: Run | None, decoded: int, own: Defaults, limit: int
) -> Run:
    """Read one `trun` box; without an offset its samples lie behind those of *previous*."""
    flags, count = number(box, 0) & 0xFFFFFF, bounded(number(box, 4), limit)
    place = 8
    if flags & OFFSET:
        number(box, place)
        at, place = base + SIGNED.unpack_from(box, place)[0], place + 4
    else:
        at = base if previous is None else previous.data_end
    first_flags = None
    if flags & FIRST_FLAGS:
        first_flags, place = number(box, place), place + 4
    width = sum(bool(flags & flag) for _, flag in COLUMNS)
    rows = words(box, place, count * width, ">u4").reshape(count, width)
    if not 0 <= at <= FARTHEST:
        raise Malformed("samples outside of every file")
    if decoded > FARTHEST:
        raise Malformed("a clock that no recording reaches")
    return Run(flags, at, decoded, own, first_flags, rows)


def table_of(found: Sequence[Run]) -> tuple[Table, bool]:
    """Put the runs of one track into one table; a sample lasts until the next run begins.

    A run whose clock goes back behind its predecessor ends the table; says if all went in.
    """
    counts = np.array([len(run.rows) for run in found], np.int64)
    first = np.cumsum(counts) - counts
    begins = np.array([run.decoded for run in found], np.int64)
    duration = joined(found, "duration", 0x100)
    ends = begins + np.add.reduceat(duration, first)
    duration[first[1:] - 1] += begins[1:] - ends[:-1]
    back = np.flatnonzero(duration[first[1:] - 1] < 0)
    if len(back):
        return table_of(found[: int(back[0]) + 1])[0], False
    step_count, step_ticks = runs(duration)
    shift_count, shift_ticks = shifts(offsets(found))
    flags = joined(found, "flags", 0x400)
    for index, run in enumerate(found):
        if run.first_flags is not None:
            flags[first[index]] = run.first_flags
    sync = flags & NOT_SYNC == 0
    table = Table(
        size=joined(found, "size", 0x200).astype(np.uint32),
        decoded_from=int(begins[0]),
        step_count=step_count,
        step_ticks=step_ticks,
        shift_count=shift_count,
        shift_ticks=shift_ticks,
        sync=None if sync.all() else np.flatnonzero(sync),
        chunk_at=np.array([run.at for run in found], np.int64),
        chunk_count=counts,
        chunk_entry=np.array([run.own.entry for run in found], np.int64),
    )
    return table, True


def joined(found: Sequence[Run], name: str, flag: int) -> Ints:
    return np.concatenate([run.column(name, flag) for run in found]).astype(np.int64)


def offsets(found: Sequence[Run]) -> Array:
    """Read the offsets of composition, signed whatever the version says: files are written so."""
    if not any(run.flags & 0x800 for run in found):
        return NO_TICKS
    return joined(found, "offset", 0x800).astype(np.uint32).view(np.int32)
