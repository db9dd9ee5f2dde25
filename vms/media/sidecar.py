"""The index of a segment as a small file beside the archive: read back a hundred times as fast.

A sidecar is a cache. It tells which state of the segment it was made of (size, time of change) and
is of no use for any other; one that is damaged, of another version or missing is made anew.

Form, little endian, arrays aligned to 8 bytes: MAGIC, CRC-32 of all that follows, then the struct
FILE; for each track TRACK, its sample entries behind their lengths, and a COLUMN for each array;
then the arrays. Of an array of equal values only the first is there. The version is in the magic:
a change of form is another magic.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from vms.media.mp4.index import FileIndex, TrackIndex
from vms.media.mp4.summary import Summary
from vms.media.mp4.table import Array, Spans, Table
from vms.media.mp4.tables import MOST_SAMPLES

MAGIC = b"VMSIDX02"
HEAD = struct.Struct("<8sI")
# size, mtime_ns, truncated, tracks
FILE = struct.Struct("<QqBB")
# kind, timescale, origin, length or NO_LENGTH, decoded_from, has sync, entries; then the summary
TRACK = struct.Struct("<BIqqqBB9q")
LENGTH = struct.Struct("<I")
# width in bytes (negative when signed), how many there are, how many are stored
COLUMN = struct.Struct("<bII")
# So few values are compared one by one more quickly than by numpy.
FEW = 16
NO_LENGTH = -(2**63)
KINDS = ("video", "audio")
# Unsigned ones are no wider than 32 bits: with signed ones they make no floating point numbers.
TYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype("u1"),
    2: np.dtype("<u2"),
    4: np.dtype("<u4"),
    -1: np.dtype("i1"),
    -2: np.dtype("<i2"),
    -4: np.dtype("<i4"),
    -8: np.dtype("<i8"),
}
# Widths, and what is the first that is too large for them.
UNSIGNED = ((1, 2**8), (2, 2**16), (4, 2**32))
SIGNED = ((-1, 2**7), (-2, 2**15), (-4, 2**31), (-8, 2**63))
PADDING = bytes(8)


class BadSidecar(Exception):
    """The sidecar cannot be used; the segment itself has to be read."""


def write_sidecar(target: Path, index: FileIndex) -> None:
    """Put the sidecar of *index* in place of whatever is there.

    It is written where it will be, and not synced: what a crash leaves of it, and what is read
    while it is written, does not pass its checksum. Not renamed over the old one: ext4 takes such
    files to the disk at once, which costs more than reading the segment.

    Raises:
        OSError: it cannot be written.
    """
    content = encode(index)
    try:
        put(target, content)
    except FileExistsError:
        target.unlink(missing_ok=True)
        put(target, content)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        put(target, content)


def put(path: Path, content: bytes) -> None:
    """Write a new file, or none."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    try:
        written = os.write(descriptor, content)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    if written < len(content):
        path.unlink(missing_ok=True)
        raise OSError(errno.ENOSPC, "no room for a sidecar")


def read_sidecar(path: Path, size: int, mtime_ns: int) -> FileIndex:
    """Read the index of a segment of *size* bytes, last changed at *mtime_ns*.

    Raises:
        BadSidecar: it is missing, damaged, or that of another state of the segment.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.read(descriptor, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise BadSidecar("missing") from error
    index = decode(data)
    if (index.size, index.mtime_ns) != (size, mtime_ns):
        raise BadSidecar("of another state of the file")
    return index


def encode(index: FileIndex) -> bytes:
    stored: list[bytes] = []
    heads = [FILE.pack(index.size, index.mtime_ns, index.truncated, len(index.tracks))]
    heads += [put_column(array, stored) for array in (index.spans.begin, index.spans.length)]
    for track in index.tracks.values():
        heads += track_heads(track)
        heads += [put_column(array, stored) for array in arrays_of(track.table)]
    head = b"".join(heads)
    body = b"".join((head, padding(HEAD.size + len(head)), *stored))
    return HEAD.pack(MAGIC, zlib.crc32(body)) + body


def track_heads(track: TrackIndex) -> list[bytes]:
    table = track.table
    heads = [
        TRACK.pack(
            KINDS.index(track.kind),
            track.timescale,
            track.origin,
            NO_LENGTH if track.length is None else track.length,
            table.decoded_from,
            table.sync is not None,
            len(track.entries),
            *(getattr(track.summary, name) for name in Summary.__slots__),
        )
    ]
    for entry in track.entries:
        heads += [LENGTH.pack(len(entry)), entry]
    return heads


def arrays_of(table: Table) -> list[Array]:
    """Return the arrays of a table in the order in which a sidecar holds them."""
    return [
        table.size,
        table.step_count,
        table.step_ticks,
        table.shift_count,
        table.shift_ticks,
        table.sync if table.sync is not None else np.empty(0, np.uint8),
        table.chunk_at,
        table.chunk_count,
        table.chunk_entry,
    ]


ARRAYS = 9


def put_column(array: Array, stored: list[bytes]) -> bytes:
    """Put an array behind those *stored*, in the narrowest type, once if all are equal.

    Returns its head.
    """
    count = len(array)
    least, most = bounds(array)
    width = narrowest(least, most)
    if least == most:
        data = least.to_bytes(abs(width), "little", signed=width < 0) if count else b""
    else:
        data = array.astype(TYPES[width]).tobytes()
    stored += (data, padding(len(data)))
    return COLUMN.pack(width, count, len(data) // abs(width))


def bounds(array: Array) -> tuple[int, int]:
    """Return the least and the greatest value, of nothing two zeros."""
    if len(array) > FEW:
        return int(array.min()), int(array.max())
    values = array.tolist()
    return (min(values), max(values)) if values else (0, 0)


def narrowest(least: int, most: int) -> int:
    """Return the smallest width that holds all values."""
    if least >= 0:
        return next((width for width, limit in UNSIGNED if most < limit), -8)
    reach = max(most, -least - 1)
    return next(width for width, limit in SIGNED if reach < limit)


def padding(length: int) -> bytes:
    return PADDING[: -length % 8]


def decode(data: bytes) -> FileIndex:
    """Read back what `encode` wrote; tables are made of the data when they are asked for.

    Raises:
        BadSidecar: it is damaged or of another form.
    """
    if len(data) < HEAD.size or HEAD.unpack_from(data) != (
        MAGIC,
        zlib.crc32(memoryview(data)[HEAD.size :]),
    ):
        raise BadSidecar("damaged, or of another version")
    try:
        return Decoder(data).read()
    except (struct.error, ValueError, IndexError, KeyError, TypeError) as error:
        raise BadSidecar("damaged") from error


class Decoder:
    """Reads the heads; `at` is where it stands."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = HEAD.size

    def take(self, form: struct.Struct) -> tuple[Any, ...]:
        values = form.unpack_from(self.data, self.at)
        self.at += form.size
        return values

    def read(self) -> FileIndex:
        size, mtime_ns, truncated, count = self.take(FILE)
        spans = self.heads(2)
        tracks = [self.track() for _ in range(count)]
        at = self.at + -self.at % 8
        spans_at, at = at, at + spans[1]
        by_kind: dict[str, TrackIndex] = {}
        for head, entries, (columns, length) in tracks:
            kind, timescale, origin, shown, decoded_from, has_sync, _, *known = head
            by_kind[KINDS[kind]] = TrackIndex(
                KINDS[kind],
                timescale,
                entries,
                origin,
                None if shown == NO_LENGTH else shown,
                Summary(*known),
                partial(make_table, self.data, at, columns, decoded_from, has_sync),
            )
            at += length
        if at > len(self.data):
            raise ValueError("columns that are cut short")
        begins, lengths = arrays(self.data, spans_at, spans[0])
        if len(begins) != len(lengths) or not begins.flags.c_contiguous:
            raise ValueError("spans that cannot be")
        return FileIndex(
            by_kind,
            Spans(begins.astype(np.int64), lengths.astype(np.int64)),
            size,
            mtime_ns,
            bool(truncated),
        )

    def track(self) -> tuple[tuple[Any, ...], tuple[bytes, ...], tuple[bytes, int]]:
        head = self.take(TRACK)
        entries = tuple(self.entry() for _ in range(head[6]))
        return head, entries, self.heads(ARRAYS)

    def entry(self) -> bytes:
        (length,) = self.take(LENGTH)
        self.at += length
        return shared(self.data[self.at - length : self.at])

    def heads(self, count: int) -> tuple[bytes, int]:
        """Skip *count* heads of columns; returns them, and how many bytes their arrays take."""
        begin, self.at = self.at, self.at + count * COLUMN.size
        found = self.data[begin : self.at]
        size = 0
        for width, length, stored in COLUMN.iter_unpack(found):
            # A damaged one must be found out here: the arrays are made much later.
            if width not in TYPES or stored not in {1, length} or length > MOST_SAMPLES:
                raise ValueError("a column that cannot be")
            size += (abs(width) * stored + 7) & ~7
        return found, size


@lru_cache(maxsize=1024)
def shared(entry: bytes) -> bytes:
    """Return an entry equal to *entry*, the same for all segments of a camera."""
    return entry


def arrays(data: bytes, at: int, heads: bytes) -> list[Array]:
    """View the arrays that lie behind one another from *at* on."""
    found: list[Array] = []
    for width, count, stored in COLUMN.iter_unpack(heads):
        kind = TYPES[width]
        if stored == count:
            found.append(np.frombuffer(data, kind, count, at))
        else:
            found.append(np.ndarray((count,), kind, data, at, (0,)))
        at += (abs(width) * stored + 7) & ~7
    return found


def make_table(data: bytes, at: int, heads: bytes, decoded_from: int, has_sync: int) -> Table:
    size, step_count, step_ticks, shift_count, shift_ticks, sync, chunk_at, count, entry = arrays(
        data, at, heads
    )
    return Table(
        size=size,
        decoded_from=decoded_from,
        step_count=step_count,
        step_ticks=step_ticks,
        shift_count=shift_count,
        shift_ticks=shift_ticks,
        sync=sync if has_sync else None,
        chunk_at=chunk_at,
        chunk_count=count,
        chunk_entry=entry,
    )
