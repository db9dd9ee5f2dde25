"""Reading the sample tables of a plain mp4 file (ISO/IEC 14496-12 sections 8.6 and 8.7)."""

from __future__ import annotations

import numpy as np

from vms.media.mp4.atoms import Malformed, by_kind, number
from vms.media.mp4.table import NO_SAMPLES, NO_TICKS, Array, Ints, Table

# Samples of no bytes are rare: a file has about as many as it has bytes at most, and a forged
# count must not fill memory.
EMPTY_SAMPLES = 100_000
# A day of 100 frames a second has fewer.
MOST_SAMPLES = 10_000_000


# Offsets and ticks beyond it are forged; sums of two such still fit into 64 bits with a sign.
FARTHEST = 2**61
Boxes = dict[bytes, memoryview]


def most_samples(file_size: int) -> int:
    """Return how many samples a track of a file of that size may claim to have.

    Uncompressed sound has a sample a byte.
    """
    return min(MOST_SAMPLES, file_size + EMPTY_SAMPLES)


def read_tables(stbl: memoryview, limit: int) -> Table:
    """Read an `stbl` box; a track whose samples are in fragments has none here.

    Raises:
        Malformed: the tables disagree about how many samples there are, or claim over *limit*.
    """
    boxes = by_kind(stbl)
    size = sample_sizes(boxes, limit)
    count = len(size)
    if count == 0:
        return NO_SAMPLES
    steps = run_lengths(needed(boxes, b"stts"), count)
    shift_count, shift_ticks = composition_offsets(boxes, count)
    at, samples, entry = read_chunks(boxes, count)
    return Table(
        size=size,
        decoded_from=0,
        step_count=steps[:, 0],
        step_ticks=steps[:, 1],
        shift_count=shift_count,
        shift_ticks=shift_ticks,
        sync=sync_numbers(boxes, count),
        chunk_at=at,
        chunk_count=samples,
        chunk_entry=entry,
    )


def sample_sizes(boxes: Boxes, limit: int) -> Array:
    """Read `stsz` or `stz2` (8.7.3)."""
    box = boxes.get(b"stsz")
    if box is not None:
        same, count = number(box, 4), bounded(number(box, 8), limit)
        if same:
            return np.broadcast_to(np.uint32(same), (count,))
        return words(box, 12, count, ">u4")
    box = needed(boxes, b"stz2")
    width, count = number(box, 4) & 0xFF, bounded(number(box, 8), limit)
    if width == 4:  # noqa: PLR2004 - two sizes a byte
        packed = words(box, 12, (count + 1) // 2, ">u1")
        return np.column_stack((packed >> 4, packed & 15)).ravel()[:count]
    if width not in {8, 16}:
        raise Malformed("sample sizes of an unknown width")
    return words(box, 12, count, f">u{width // 8}").astype(np.uint16)


def composition_offsets(boxes: Boxes, count: int) -> tuple[Array, Array]:
    """Read `ctts` (8.6.1.3); version 0 is read as signed too, because files are written so."""
    box = boxes.get(b"ctts")
    if box is None:
        return NO_TICKS, NO_TICKS
    rows = run_lengths(box, count)
    ticks = rows[:, 1].astype(np.uint32).view(np.int32)
    return (rows[:, 0], ticks) if ticks.any() else (NO_TICKS, NO_TICKS)


def sync_numbers(boxes: Boxes, count: int) -> Array | None:
    """Read `stss` (8.6.2); without it every sample is one."""
    box = boxes.get(b"stss")
    if box is None:
        return None
    numbers = words(box, 8, number(box, 4), ">u4").astype(np.int64) - 1
    if len(numbers) and (numbers[0] < 0 or numbers[-1] >= count or (np.diff(numbers) <= 0).any()):
        numbers = np.unique(numbers[(numbers >= 0) & (numbers < count)])
    return numbers


def run_lengths(box: memoryview, count: int) -> Ints:
    """Read (count, value) rows that have to tell of *count* samples."""
    rows = words(box, 8, 2 * number(box, 4), ">u4").reshape(-1, 2).astype(np.int64)
    if int(rows[:, 0].sum()) != count:
        raise Malformed("a table of times for another number of samples")
    return rows[rows[:, 0] > 0] if (rows[:, 0] == 0).any() else rows


def read_chunks(boxes: Boxes, count: int) -> tuple[Array, Array, Array]:
    """Read `stsc` (8.7.4) and `stco` or `co64` (8.7.5): offset, samples, entry of each chunk."""
    at = chunk_places(boxes)
    box = needed(boxes, b"stsc")
    # Column by column: a file that interleaves has as many rows as chunks, a day's has millions.
    rows = words(box, 8, 3 * number(box, 4), ">u4").reshape(-1, 3)
    if len(rows) == 0 or len(at) == 0 or rows[0, 0] != 1:
        raise Malformed("samples that are in no chunk")
    if int(at.min()) < 0 or int(at.max()) > FARTHEST:
        raise Malformed("a chunk beyond every file")
    chunk = rows[:, 0]
    if (chunk[1:] <= chunk[:-1]).any() or int(chunk[-1]) > len(at) + 1:
        raise Malformed("samples in chunks that are not there")
    samples, entry = narrowed(rows[:, 1]), narrowed(rows[:, 2] - np.uint32(1))
    if not int(chunk[-1]) == len(rows) == len(at):
        follows = np.append(chunk[1:], len(at) + 1).astype(np.int64)
        repeats = follows - chunk
        samples, entry = np.repeat(samples, repeats), np.repeat(entry, repeats)
    if int(samples.sum(dtype=np.uint64)) != count:
        raise Malformed("chunks for another number of samples")
    used = samples > 0
    return (at, samples, entry) if used.all() else (at[used], samples[used], entry[used])


def chunk_places(boxes: Boxes) -> Array:
    """Read `stco` or `co64` (8.7.5); of a long file they are left as they stand there."""
    box = boxes.get(b"stco")
    if box is not None:
        return words(box, 8, number(box, 4), ">u4").astype(np.int64)
    box = needed(boxes, b"co64")
    return words(box, 8, number(box, 4), ">i8")


def narrowed(values: Array) -> Array:
    """Return *values* in the narrowest unsigned type."""
    return values.astype(np.min_scalar_type(int(values.max())))


def needed(boxes: Boxes, kind: bytes) -> memoryview:
    """Return the box of a kind.

    Raises:
        Malformed: it is missing.
    """
    if kind not in boxes:
        raise Malformed(f"no {kind!r} box")
    return boxes[kind]


def words(box: memoryview, at: int, count: int, form: str) -> Array:
    """View *count* numbers of a box.

    Raises:
        Malformed: the box ends before.
    """
    width = int(form[2])
    if at + count * width > len(box):
        raise Malformed("a table longer than its box")
    return np.frombuffer(box, form, count, at)


def bounded(count: int, limit: int) -> int:
    """Return *count* if it can be.

    Raises:
        Malformed: no file of this size has so many samples.
    """
    if count > limit:
        raise Malformed("more samples than the file can hold")
    return count
