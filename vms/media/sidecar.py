"""The index of a segment as a small file beside the archive: read back a hundred times as fast.

A sidecar is a cache. It tells which state of the segment it was made of (size, time of change) and
is of no use for any other; one that is damaged, of another version or missing is made anew.

Form, little endian, arrays aligned to 8 bytes: MAGIC, CRC-32 of all that follows, then the struct
FILE; for each track TRACK, its sample entries behind their lengths, and a COLUMN for each array;
then the arrays. The version is in the magic: a change of form is another magic.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vms.media.mp4.index import FileIndex, TrackIndex
from vms.media.mp4.summary import Summary
from vms.media.mp4.table import Array, Spans, Table

MAGIC = b"VMSIDX01"
HEAD = struct.Struct("<8sI")
# size, mtime_ns, truncated, tracks
FILE = struct.Struct("<QqBB")
# kind, timescale, origin, length or NO_LENGTH, decoded_from, has sync, entries; then the summary
TRACK = struct.Struct("<BIqqqBB10q")
LENGTH = struct.Struct("<I")
# width in bytes (negative when signed) and how many
COLUMN = struct.Struct("<bI")
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


class BadSidecar(Exception):
    """The sidecar cannot be used; the segment itself has to be read."""


def write_sidecar(target: Path, index: FileIndex) -> None:
    """Put the sidecar of *index* in place of whatever is there, whole or not at all.

    It is not synced: what a crash leaves of it does not pass its checksum.

    Raises:
        OSError: it cannot be written.
    """
    own = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        own.write_bytes(encode(index))
        own.replace(target)
    except OSError:
        own.unlink(missing_ok=True)
        raise


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
    arrays: list[Array] = [index.spans.begin, index.spans.length]
    heads = [FILE.pack(index.size, index.mtime_ns, index.truncated, len(index.tracks))]
    heads += map(column_head, arrays)
    for track in index.tracks.values():
        table, known = track.table, track.summary
        heads.append(
            TRACK.pack(
                KINDS.index(track.kind),
                track.timescale,
                track.origin,
                NO_LENGTH if track.length is None else track.length,
                table.decoded_from,
                table.sync is not None,
                len(track.entries),
                *(getattr(known, name) for name in Summary.__slots__),
            )
        )
        for entry in track.entries:
            heads += [LENGTH.pack(len(entry)), entry]
        columns = columns_of(table)
        heads += map(column_head, columns)
        arrays += columns
    head = b"".join(heads)
    parts = [head, padding(HEAD.size + len(head))]
    for array in arrays:
        data = array.astype(narrowest(array)).tobytes()
        parts += [data, padding(len(data))]
    body = b"".join(parts)
    return HEAD.pack(MAGIC, zlib.crc32(body)) + body


def columns_of(table: Table) -> list[Array]:
    sync = table.sync if table.sync is not None else np.empty(0, np.uint8)
    return [
        table.size,
        table.step_count,
        table.step_ticks,
        table.shift_count,
        table.shift_ticks,
        sync,
        table.chunk_at,
        table.chunk_count,
        table.chunk_entry,
    ]


COLUMNS = 9


def narrowest(array: Array) -> np.dtype[Any]:
    """Return the smallest type that holds all values."""
    if not len(array):
        return TYPES[1]
    least, most = int(array.min()), int(array.max())
    if least >= 0:
        return TYPES[next((width for width in (1, 2, 4) if most < 1 << 8 * width), -8)]
    reach = max(most, -least - 1)
    return TYPES[-next(width for width in (1, 2, 4, 8) if reach < 1 << 8 * width - 1)]


def column_head(array: Array) -> bytes:
    kind = narrowest(array)
    return COLUMN.pack(kind.itemsize * (-1 if kind.kind == "i" else 1), len(array))


def padding(length: int) -> bytes:
    return bytes(-length % 8)


def decode(data: bytes) -> FileIndex:
    """Read back what `encode` wrote.

    Raises:
        BadSidecar: it is damaged or of another form.
    """
    if len(data) < HEAD.size or HEAD.unpack_from(data) != (MAGIC, zlib.crc32(data[HEAD.size :])):
        raise BadSidecar("damaged, or of another version")
    try:
        return Decoder(data).read()
    except (struct.error, ValueError, IndexError, KeyError, TypeError) as error:
        raise BadSidecar("damaged") from error


class Decoder:
    """Reads heads first; arrays are views of the data."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = HEAD.size

    def take(self, form: struct.Struct) -> tuple[Any, ...]:
        values = form.unpack_from(self.data, self.at)
        self.at += form.size
        return values

    def read(self) -> FileIndex:
        size, mtime_ns, truncated, count = self.take(FILE)
        columns = self.column_heads(2)
        tracks = [self.track_head(columns) for _ in range(count)]
        self.at += -self.at % 8
        arrays = iter([self.array(width, length) for width, length in columns])
        spans = Spans(next(arrays).astype(np.int64), next(arrays).astype(np.int64))
        by_kind = {KINDS[head[0]]: self.track(head, entries, arrays) for head, entries in tracks}
        return FileIndex(by_kind, spans, size, mtime_ns, bool(truncated))

    def column_heads(self, count: int) -> list[tuple[int, int]]:
        return [self.take(COLUMN) for _ in range(count)]

    def track_head(
        self, columns: list[tuple[int, int]]
    ) -> tuple[tuple[Any, ...], tuple[bytes, ...]]:
        head = self.take(TRACK)
        entries = tuple(self.entry() for _ in range(head[6]))
        columns += self.column_heads(COLUMNS)
        return head, entries

    def entry(self) -> bytes:
        (length,) = self.take(LENGTH)
        self.at += length
        return self.data[self.at - length : self.at]

    def array(self, width: int, length: int) -> Array:
        found = np.frombuffer(self.data, TYPES[width], length, self.at)
        self.at += (length * abs(width) + 7) & ~7
        return found

    def track(
        self, head: tuple[Any, ...], entries: tuple[bytes, ...], arrays: Iterator[Array]
    ) -> TrackIndex:
        kind, timescale, origin, length, decoded_from, has_sync, _, *known = head
        size, step_count, step_ticks, shift_count, shift_ticks, sync, at, count, entry = (
            next(arrays) for _ in range(COLUMNS)
        )
        table = Table(
            size=size,
            decoded_from=decoded_from,
            step_count=step_count,
            step_ticks=step_ticks,
            shift_count=shift_count,
            shift_ticks=shift_ticks,
            sync=sync if has_sync else None,
            chunk_at=at,
            chunk_count=count,
            chunk_entry=entry,
        )
        return TrackIndex(
            KINDS[kind],
            timescale,
            entries,
            table,
            origin,
            None if length == NO_LENGTH else length,
            Summary(*known),
        )
