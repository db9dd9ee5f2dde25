"""Building the header of an mp4 file whose media is ranges of other files.

The result is `ftyp`, `moov` and the head of `mdat` as bytes, and the list of ranges whose bytes
follow. The index is always first. All times are whole ticks, all tables are made by numpy from
the samples' arrays: nothing here is done sample by sample (ISO/IEC 14496-12 sections 4.3, 8.1 to
8.7; 14496-15 for the H.265 tag).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

EPOCH = datetime(1904, 1, 1, tzinfo=UTC)
WIDE_FROM = 2**32
MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
UNDETERMINED = 0x55C4
HANDLERS = {"video": b"vide", "audio": b"soun"}
MEDIA_HEADS = {
    "video": (b"vmhd", 1, bytes(8)),
    "audio": (b"smhd", 0, bytes(4)),
}


@dataclass(frozen=True)
class MovieTrack:
    """One track to be written; arrays have one entry a sample, in decode order.

    `decoded` rises and may begin anywhere; `shown` are the ticks at which samples are presented,
    where zero is the begin of the movie: what lies before is hidden. `place` is the offset of
    each sample in the media that follows the header. `entry` numbers *entries* from zero.
    `length` is how many ticks are shown, `last` the duration of the last sample.
    """

    kind: str
    timescale: int
    entries: Sequence[bytes]
    decoded: Ints
    shown: Ints
    size: Ints
    place: Ints
    sync: NDArray[np.bool_]
    entry: Ints
    length: int
    last: int
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
    """Return all bytes before the media."""
    head = file_type(movie)
    wide = movie.media_size + 2**28 >= WIDE_FROM
    mdat = media_head(movie.media_size, wide=wide)
    # The offsets depend on the size of the header, its size only on their width.
    size = len(head) + len(movie_box(movie, 0, wide=wide)) + len(mdat)
    return head + movie_box(movie, size, wide=wide) + mdat


def file_type(movie: Movie) -> bytes:
    brands = b"isomiso2mp41"
    kinds = {entry[4:8] for track in movie.tracks for entry in track.entries}
    if b"avc1" in kinds:
        brands += b"avc1"
    return box(b"ftyp", b"isom", struct.pack(">I", 512), brands)


def media_head(size: int, *, wide: bool) -> bytes:
    if wide:
        return struct.pack(">I4sQ", 1, b"mdat", size + 16)
    return struct.pack(">I4s", size + 8, b"mdat")


def movie_box(movie: Movie, header: int, *, wide: bool) -> bytes:
    """Make `moov` (8.2.1) for media that begins *header* bytes into the file."""
    created = seconds_since_epoch(movie.created_at)
    parts = [
        full(
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
    parts += [
        track_box(track, number, movie, created, header, wide=wide)
        for number, track in enumerate(movie.tracks, start=1)
    ]
    if movie.chapters:
        parts.append(box(b"udta", chapter_list(movie.chapters)))
    return box(b"moov", *parts)


def track_box(
    track: MovieTrack, number: int, movie: Movie, created: int, header: int, *, wide: bool
) -> bytes:
    """Make `trak` (8.3): its head, its edit list, its media."""
    shown = scaled(track.length, track.timescale, movie.scale)
    zero = int(track.decoded[0]) if len(track.decoded) else 0
    media_length = int(track.decoded[-1]) - zero + track.last if len(track.decoded) else 0
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
    edits = edit_list(track, movie.scale, zero)
    media = box(
        b"mdia",
        full(
            b"mdhd",
            1,
            0,
            struct.pack(">QQIQ", created, created, track.timescale, media_length),
            struct.pack(">HH", UNDETERMINED, 0),
        ),
        full(b"hdlr", 0, 0, bytes(4), HANDLERS[track.kind], bytes(12), b"\0"),
        box(b"minf", media_info(track.kind), data_info(), sample_table(track, header, wide=wide)),
    )
    return box(b"trak", head, box(b"edts", edits), media)


def edit_list(track: MovieTrack, scale: int, zero: int) -> bytes:
    """Make `elst` (8.6.6): hide what comes before the begin, wait for a track that begins late."""
    length = scaled(track.length, track.timescale, scale)
    delay = scaled(max(0, zero), track.timescale, scale)
    rows = [struct.pack(">QqHH", length - delay, max(0, -zero), 1, 0)]
    if delay:
        rows.insert(0, struct.pack(">QqHH", delay, -1, 1, 0))
    return full(b"elst", 1, 0, struct.pack(">I", len(rows)), *rows)


def media_info(kind: str) -> bytes:
    name, flags, content = MEDIA_HEADS[kind]
    return full(name, 0, flags, content)


def data_info() -> bytes:
    """Make `dinf` (8.7.1): the media is in this file."""
    return box(b"dinf", full(b"dref", 0, 0, struct.pack(">I", 1), full(b"url ", 0, 1)))


def sample_table(track: MovieTrack, header: int, *, wide: bool) -> bytes:
    """Make `stbl` (8.5.1)."""
    first, count, entry = chunks(track)
    form = ">u8" if wide else ">u4"
    offsets = (track.place[first] + header).astype(form)
    parts = [
        full(b"stsd", 0, 0, struct.pack(">I", len(track.entries)), *track.entries),
        full(b"stts", 0, 0, pairs(durations(track))),
        full(b"stsc", 0, 0, chunk_runs(count, entry)),
        full(b"stsz", 0, 0, struct.pack(">II", 0, len(track.size)), words(track.size)),
        full(
            b"co64" if wide else b"stco",
            0,
            0,
            struct.pack(">I", len(offsets)),
            offsets.tobytes(),
        ),
    ]
    offset = track.shown - track.decoded
    if offset.any():
        parts.append(full(b"ctts", 1, 0, pairs(offset)))
    if not track.sync.all():
        numbers = np.flatnonzero(track.sync) + 1
        parts.append(full(b"stss", 0, 0, struct.pack(">I", len(numbers)), words(numbers)))
    return box(b"stbl", *parts)


def durations(track: MovieTrack) -> Ints:
    return np.append(np.diff(track.decoded), track.last)


def chunks(track: MovieTrack) -> tuple[Ints, Ints, Ints]:
    """Group samples that lie behind one another and share an entry: (first, count, entry)."""
    if not len(track.size):
        empty = np.empty(0, np.int64)
        return empty, empty, empty
    breaks = (track.place[1:] != track.place[:-1] + track.size[:-1]) | (
        track.entry[1:] != track.entry[:-1]
    )
    first = np.concatenate(([0], np.flatnonzero(breaks) + 1))
    count = np.diff(np.append(first, len(track.size)))
    return first, count, track.entry[first]


def chunk_runs(count: Ints, entry: Ints) -> bytes:
    """Write `stsc` (8.7.4): a row where the number of samples or the entry changes."""
    changed = (count[1:] != count[:-1]) | (entry[1:] != entry[:-1])
    rows = np.concatenate(([0], np.flatnonzero(changed) + 1)) if len(count) else np.empty(0, int)
    table = np.column_stack((rows + 1, count[rows], entry[rows] + 1)).astype(">u4")
    return struct.pack(">I", len(table)) + table.tobytes()


def pairs(values: Ints) -> bytes:
    """Write values as (how many, which) pairs, negative ones in two's complement."""
    if not len(values):
        return struct.pack(">I", 0)
    first = np.concatenate(([0], np.flatnonzero(values[1:] != values[:-1]) + 1))
    count = np.diff(np.append(first, len(values)))
    table = np.column_stack((count, values[first] & 0xFFFFFFFF)).astype(">u4")
    return struct.pack(">I", len(table)) + table.tobytes()


def chapter_list(chapters: Sequence[tuple[float, str]]) -> bytes:
    """Write `chpl`: seconds and titles, as players that read chapters of mp4 files expect them."""
    rows = []
    for seconds, title in chapters[:255]:
        text = title.encode()[:255]
        rows.append(struct.pack(">QB", round(seconds * 10_000_000), len(text)) + text)
    return full(b"chpl", 1, 0, struct.pack(">IB", 0, len(rows)), *rows)


def words(values: NDArray) -> bytes:
    return values.astype(">u4").tobytes()


def box(kind: bytes, *content: bytes) -> bytes:
    return b"".join((struct.pack(">I4s", 8 + sum(map(len, content)), kind), *content))


def full(kind: bytes, version: int, flags: int, *content: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


def scaled(ticks: int, scale: int, other: int) -> int:
    """Convert ticks between clocks, up: a tick that is only touched still counts."""
    return -(-ticks * other // scale)


def seconds_since_epoch(moment: datetime) -> int:
    return int((moment - EPOCH).total_seconds())
