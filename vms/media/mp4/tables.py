"""The sample tables of a plain mp4 file as arrays (ISO/IEC 14496-12 sections 8.6 and 8.7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vms.media.mp4.atoms import Malformed, first, number, required

# A day of 100 frames a second has fewer; a forged count must not fill memory.
MOST_SAMPLES = 10_000_000


@dataclass(frozen=True)
class Samples:
    """The samples of one track in decode order; all arrays have one entry a sample.

    `at` is the offset in the file, `size` in bytes; `decoded` ticks from the clock's zero,
    `offset` what is added to it for the time shown, `duration` ticks; `entry` numbers the sample
    entry from zero; `sync` marks samples that need no other.
    """

    at: NDArray[np.int64]
    size: NDArray[np.uint32]
    decoded: NDArray[np.int64]
    offset: NDArray[np.int32]
    duration: NDArray[np.uint32]
    entry: NDArray[np.uint8]
    sync: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.size)

    def until(self, count: int) -> Samples:
        """Return the first *count* samples."""
        return Samples(*(column[:count] for column in self.columns()))

    def columns(self) -> tuple[NDArray[Any], ...]:
        return (
            self.at,
            self.size,
            self.decoded,
            self.offset,
            self.duration,
            self.entry,
            self.sync,
        )


def no_samples() -> Samples:
    return Samples(
        np.empty(0, np.int64),
        np.empty(0, np.uint32),
        np.empty(0, np.int64),
        np.empty(0, np.int32),
        np.empty(0, np.uint32),
        np.empty(0, np.uint8),
        np.empty(0, np.bool_),
    )


def join_samples(parts: list[Samples]) -> Samples:
    """Put runs of samples behind one another."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return no_samples()
    columns = zip(*(part.columns() for part in parts), strict=True)
    return Samples(*(np.concatenate(column) for column in columns))


def read_tables(table: memoryview) -> Samples:
    """Read an `stbl` box; a track whose samples are in fragments has none here.

    Raises:
        Malformed: the tables disagree about how many samples there are, or claim too many.
    """
    size = sample_sizes(table)
    count = len(size)
    if count == 0:
        return no_samples()
    duration = run_lengths(required(table, b"stts"), count, np.uint32)
    decoded = np.zeros(count, np.int64)
    np.cumsum(duration[:-1], out=decoded[1:])
    at, entry = chunk_offsets(table, size)
    return Samples(
        at=at,
        size=size,
        decoded=decoded,
        offset=composition_offsets(table, count),
        duration=duration,
        entry=entry,
        sync=sync_flags(table, count),
    )


def sample_sizes(table: memoryview) -> NDArray[np.uint32]:
    """Read `stsz` or `stz2` (8.7.3)."""
    box = first(table, b"stsz")
    if box is not None:
        same, count = number(box, 4), bounded(number(box, 8))
        if same:
            return np.full(count, same, np.uint32)
        return words(box, 12, count, ">u4").astype(np.uint32)
    box = required(table, b"stz2")
    width, count = number(box, 4) & 0xFF, bounded(number(box, 8))
    if width == 4:  # noqa: PLR2004 - two sizes a byte
        packed = words(box, 12, (count + 1) // 2, ">u1")
        return np.column_stack((packed >> 4, packed & 15)).ravel()[:count].astype(np.uint32)
    if width not in {8, 16}:
        raise Malformed("sample sizes of an unknown width")
    return words(box, 12, count, f">u{width // 8}").astype(np.uint32)


def composition_offsets(table: memoryview, count: int) -> NDArray[np.int32]:
    """Read `ctts` (8.6.1.3); version 0 is read as signed too, because files are written so."""
    box = first(table, b"ctts")
    if box is None:
        return np.zeros(count, np.int32)
    return run_lengths(box, count, np.int32)


def sync_flags(table: memoryview, count: int) -> NDArray[np.bool_]:
    """Read `stss` (8.6.2); without it every sample is one."""
    box = first(table, b"stss")
    if box is None:
        return np.ones(count, np.bool_)
    sync = np.zeros(count, np.bool_)
    numbers = words(box, 8, number(box, 4), ">u4").astype(np.int64) - 1
    sync[numbers[(numbers >= 0) & (numbers < count)]] = True
    return sync


def run_lengths(box: memoryview, count: int, kind: type) -> NDArray:
    """Expand (count, value) pairs into one value a sample."""
    pairs = words(box, 8, 2 * number(box, 4), ">u4").reshape(-1, 2)
    counts = pairs[:, 0].astype(np.int64)
    if int(counts.sum()) != count:
        raise Malformed("a table of times for another number of samples")
    values = pairs[:, 1].astype(np.uint32).view(np.int32) if kind is np.int32 else pairs[:, 1]
    return np.repeat(values, counts).astype(kind)


def chunk_offsets(
    table: memoryview, size: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Place every sample from `stsc` (8.7.4) and `stco` or `co64` (8.7.5)."""
    box = first(table, b"stco")
    form, box = (">u4", box) if box is not None else (">u8", required(table, b"co64"))
    chunks = words(box, 8, number(box, 4), form).astype(np.int64)
    rows = words(required(table, b"stsc"), 8, 3 * number(required(table, b"stsc"), 4), ">u4")
    rows = rows.reshape(-1, 3).astype(np.int64)
    if len(rows) == 0 or len(chunks) == 0 or rows[0, 0] != 1 or (np.diff(rows[:, 0]) <= 0).any():
        raise Malformed("samples that are in no chunk")
    repeats = np.diff(np.append(rows[:, 0], len(chunks) + 1))
    if (repeats < 0).any():
        raise Malformed("samples in chunks that are not there")
    per_chunk = np.repeat(rows[:, 1], repeats)
    if int(per_chunk.sum()) != len(size):
        raise Malformed("chunks for another number of samples")
    first_of_chunk = np.concatenate(([0], np.cumsum(per_chunk[:-1])))
    ends = np.cumsum(size, dtype=np.int64)
    begins = ends - size
    base = chunks - begins[np.minimum(first_of_chunk, len(size) - 1)]
    at = begins + np.repeat(base, per_chunk)
    entry = np.repeat(np.repeat(rows[:, 2] - 1, repeats), per_chunk)
    return at, entry.astype(np.uint8)


def words(box: memoryview, at: int, count: int, form: str) -> NDArray:
    """View *count* numbers of a box.

    Raises:
        Malformed: the box ends before.
    """
    width = int(form[2])
    if at + count * width > len(box):
        raise Malformed("a table longer than its box")
    return np.frombuffer(box, form, count, at)


def bounded(count: int) -> int:
    if count > MOST_SAMPLES:
        raise Malformed("more samples than a segment can have")
    return count
