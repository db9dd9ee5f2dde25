"""Building the header of an mp4 file whose media is ranges of other files.

The result is `ftyp`, `moov` and the head of `mdat` as bytes, and the list of ranges whose bytes
follow. The index is always first. All times are whole ticks, all tables are made by numpy from
the samples' arrays: nothing here is done sample by sample (ISO/IEC 14496-12 sections 4.3, 8.1 to
8.7; 14496-15 for the H.265 tag).
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO

import numpy as np

from vms.media.mp4.atoms import Malformed
from vms.media.mp4.table import NO_TICKS, Array, Table, starts

# A piece of the header as it will be written; tables stay arrays until they are.
Piece = bytes | Array

EPOCH = datetime(1904, 1, 1, tzinfo=UTC)
WIDE_FROM = 2**32
WIDE = 8
LEAST_VALUE, MOST_VALUE = -(2**31), 2**32 - 1
MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
UNDETERMINED = 0x55C4
HANDLERS = {"video": b"vide", "audio": b"soun"}
MEDIA_HEADS = {
    "video": (b"vmhd", 1, bytes(8)),
    "audio": (b"smhd", 0, bytes(4)),
}


@dataclass(frozen=True)
class MovieTrack:
    """One track to be written.

    Zero on *table*'s clock is the begin of the movie: what is shown before is hidden. Its chunks
    are at offsets in the media that follows the header. `length` is how many ticks are shown.
    """

    kind: str
    timescale: int
    entries: Sequence[bytes]
    table: Table
    length: int
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class Movie:
    """What is common to all tracks. *scale* is the movie's clock, *length* in its ticks."""

    tracks: Sequence[MovieTrack]
    scale: int
    length: int
    media_size: int
    created_at: datetime
    chapters: Sequence[tuple[float, str]] = ()


def build_header(movie: Movie) -> bytes:
    """Return all bytes before the media; the tables of *movie* are used up.

    Those of a day take as much memory as the header: each is given up as it is written, unless the
    caller holds *movie*.
    """
    wide = movie.media_size + 2**28 >= WIDE_FROM
    form = ">i8" if wide else ">u4"
    offsets = [track.table.chunk_at.astype(form, copy=False) for track in movie.tracks]
    pieces = deque(
        (
            *file_type(movie),
            *movie_box(movie, offsets),
            media_head(movie.media_size, wide=wide),
        )
    )
    del movie
    # Where the media begins is known only now; the offsets have kept their width.
    size = sum(map(width_of, pieces))
    for table in offsets:
        np.add(table, size, out=table, casting="unsafe")
    del table, offsets
    written = BytesIO()
    while pieces:
        piece = pieces.popleft()
        written.write(piece if isinstance(piece, bytes) else piece.data)
        del piece
    return written.getvalue()


def file_type(movie: Movie) -> Iterator[Piece]:
    brands = b"isomiso2mp41"
    kinds = {entry[4:8] for track in movie.tracks for entry in track.entries}
    if b"avc1" in kinds:
        brands += b"avc1"
    return box(b"ftyp", b"isom", struct.pack(">I", 512), brands)


def media_head(size: int, *, wide: bool) -> bytes:
    if wide:
        return struct.pack(">I4sQ", 1, b"mdat", size + 16)
    return struct.pack(">I4s", size + 8, b"mdat")


def movie_box(movie: Movie, offsets: Sequence[Array]) -> Iterator[Piece]:
    """Make `moov` (8.2.1); *offsets* are the chunks' places in the file, track by track."""
    created = seconds_since_epoch(movie.created_at)
    parts: list[Piece] = [
        *full(
            b"mvhd",
            1,
            0,
            struct.pack(">QQIQ", created, created, movie.scale, movie.length),
            struct.pack(">IHH", 0x10000, 0x0100, 0),
            bytes(8),
            MATRIX,
            bytes(24),
            struct.pack(">I", len(movie.tracks) + 1),
        )
    ]
    for number, (track, places) in enumerate(zip(movie.tracks, offsets, strict=True), start=1):
        parts += track_box(track, number, movie, created, places)
    if movie.chapters:
        parts += box(b"udta", *chapter_list(movie.chapters))
    return box(b"moov", *parts)


def track_box(
    track: MovieTrack, number: int, movie: Movie, created: int, offsets: Array
) -> Iterator[Piece]:
    """Make `trak` (8.3): its head, its edit list, its media."""
    shown = scaled(track.length, track.timescale, movie.scale)
    head = full(
        b"tkhd",
        1,
        3,
        struct.pack(">QQIIQ", created, created, number, 0, shown),
        bytes(8),
        struct.pack(">HHHH", 0, 0, 0x0100 if track.kind == "audio" else 0, 0),
        MATRIX,
        struct.pack(">II", track.width << 16, track.height << 16),
    )
    media = box(
        b"mdia",
        *full(
            b"mdhd",
            1,
            0,
            struct.pack(">QQIQ", created, created, track.timescale, track.table.ticks),
            struct.pack(">HH", UNDETERMINED, 0),
        ),
        *full(b"hdlr", 0, 0, bytes(4), HANDLERS[track.kind], bytes(12), b"\0"),
        *box(
            b"minf",
            *media_info(track.kind),
            *data_info(),
            *sample_table(track, offsets),
        ),
    )
    edits = edit_list(track, movie.scale, track.table.decoded_from)
    return box(b"trak", *head, *box(b"edts", *edits), *media)


def edit_list(track: MovieTrack, scale: int, zero: int) -> Iterator[Piece]:
    """Make `elst` (8.6.6): hide what comes before the begin, wait for a track that begins late."""
    length = scaled(track.length, track.timescale, scale)
    delay = scaled(max(0, zero), track.timescale, scale)
    rows = [struct.pack(">QqHH", length - delay, max(0, -zero), 1, 0)]
    if delay:
        rows.insert(0, struct.pack(">QqHH", delay, -1, 1, 0))
    return full(b"elst", 1, 0, struct.pack(">I", len(rows)), *rows)


def media_info(kind: str) -> Iterator[Piece]:
    name, flags, content = MEDIA_HEADS[kind]
    return full(name, 0, flags, content)


def data_info() -> Iterator[Piece]:
    """Make `dinf` (8.7.1): the media is in this file."""
    return box(b"dinf", *full(b"dref", 0, 0, struct.pack(">I", 1), *full(b"url ", 0, 1)))


def sample_table(track: MovieTrack, offsets: Array) -> Iterator[Piece]:
    """Make `stbl` (8.5.1)."""
    table = track.table
    count = struct.pack(">I", len(offsets))
    parts: list[Piece] = [
        *full(b"stsd", 0, 0, struct.pack(">I", len(track.entries)), *track.entries),
        *full(b"stts", 0, 0, *pairs(table.step_count, table.step_ticks)),
        *full(b"stsc", 0, 0, *chunk_runs(table.chunk_count, table.chunk_entry)),
        *full(b"stsz", 0, 0, struct.pack(">II", 0, len(table.size)), words(table.size)),
        *full(b"co64" if offsets.itemsize == WIDE else b"stco", 0, 0, count, offsets),
    ]
    if len(table.shift_ticks):
        parts += full(b"ctts", 1, 0, *pairs(table.shift_count, table.shift_ticks))
    if table.sync is not None:
        numbers = words(table.sync + 1)
        parts += full(b"stss", 0, 0, struct.pack(">I", len(numbers)), numbers)
    return box(b"stbl", *parts)


def chunk_runs(count: Array, entry: Array) -> tuple[bytes, Array]:
    """Write `stsc` (8.7.4): a row where the number of samples or the entry changes."""
    rows = starts((count[1:] == count[:-1]) & (entry[1:] == entry[:-1])) if len(count) else NO_TICKS
    table = np.empty((len(rows), 3), ">u4")
    # Added where they are: there may be as many rows as chunks.
    table[:, 0], table[:, 1], table[:, 2] = rows, count[rows], entry[rows]
    table[:, ::2] += 1
    return struct.pack(">I", len(table)), table


def pairs(count: Array, value: Array) -> tuple[bytes, Array]:
    """Write runs as (how many, which) rows, negative values in two's complement.

    Runs of the same value that follow one another become one.

    Raises:
        Malformed: a value does not fit into 32 bits.
    """
    first = starts(value[1:] == value[:-1]) if len(value) else NO_TICKS
    table = np.empty((len(first), 2), ">u4")
    if len(first):
        if int(value.min()) < LEAST_VALUE or int(value.max()) > MOST_VALUE:
            raise Malformed("a duration that no file can hold")
        table[:, 0] = np.add.reduceat(count, first, dtype=np.int64)
        table[:, 1] = value[first].astype(np.int64) & 0xFFFFFFFF
    return struct.pack(">I", len(table)), table


def chapter_list(chapters: Sequence[tuple[float, str]]) -> Iterator[Piece]:
    """Make `chpl`: seconds and titles, as players that read chapters of mp4 files expect them.

    The box is of no standard; it holds 255 at most. Version 1: four reserved bytes, a count of 8
    bits, then 100 ns units (64 bits) and a title behind its length (8 bits).
    """
    rows = []
    for seconds, title in chapters[:255]:
        text = title.encode()[:255]
        rows.append(struct.pack(">QB", round(seconds * 10_000_000), len(text)) + text)
    return full(b"chpl", 1, 0, struct.pack(">IB", 0, len(rows)), *rows)


def words(values: Array) -> Array:
    return values if values.dtype == ">u4" else values.astype(">u4")


def box(kind: bytes, *content: Piece) -> Iterator[Piece]:
    yield struct.pack(">I4s", 8 + sum(map(width_of, content)), kind)
    yield from content


def full(kind: bytes, version: int, flags: int, *content: Piece) -> Iterator[Piece]:
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


def width_of(piece: Piece) -> int:
    """Return the bytes a piece takes."""
    return len(piece) if isinstance(piece, bytes) else piece.nbytes


def scaled(ticks: int, scale: int, other: int) -> int:
    """Convert ticks between clocks, up: a tick that is only touched still counts."""
    return -(-ticks * other // scale)


def seconds_since_epoch(moment: datetime) -> int:
    return int((moment - EPOCH).total_seconds())
