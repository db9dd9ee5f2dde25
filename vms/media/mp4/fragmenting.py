"""Writing movie fragments of samples that lie elsewhere: heads as bytes, the media as spans.

What players of HLS need is an initialisation section and, before the bytes of each fragment, a
head that says what they are (ISO/IEC 14496-12 sections 8.8 and 8.16.3; RFC 8216 section 3.3).
The media itself is not touched: a fragment's `mdat` holds its samples as they lie in their file.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vms.media.mp4.movie import (
    HANDLERS,
    MATRIX,
    UNDETERMINED,
    Piece,
    box,
    data_info,
    full,
    media_info,
)
from vms.media.mp4.table import Ints, Samples

# tfhd (8.8.7): offsets count from the begin of the fragment's own head.
OWN_OFFSETS = 0x20000
# trun (8.8.8): an offset, and of every sample duration, size, flags, composition offset.
COLUMNS = 0x1 | 0x100 | 0x200 | 0x400 | 0x800
SYNC, NOT_SYNC = 0x02000000, 0x01010000
# Words of 32 bits: what comes before the rows of a trun, and a row.
RUN_HEAD, ROW = 5, 4
HEAD = struct.Struct(">I4s")
TRUN = int.from_bytes(b"trun")
# Version 1: composition offsets have a sign.
VERSION = 1 << 24


@dataclass(frozen=True)
class InitTrack:
    """One track as an initialisation section declares it: ticks a second, its one sample entry.

    What is at *zero* ticks is shown at the begin: pictures may have to be decoded before that.
    """

    kind: str
    timescale: int
    entry: bytes
    width: int = 0
    height: int = 0
    zero: int = 0


@dataclass(frozen=True)
class FragmentTrack:
    """The samples of one track in a fragment.

    `number` counts the tracks of the initialisation section from one. `samples` are at offsets
    in the fragment's media, decoded at ticks from the clock's zero, which are not negative.
    """

    number: int
    samples: Samples


def init_section(tracks: Sequence[InitTrack]) -> bytes:
    """Make the `ftyp` and `moov` boxes of a movie whose samples are all in fragments."""
    movie = [
        *full(
            b"mvhd",
            0,
            0,
            struct.pack(">IIIIIHH", 0, 0, 1000, 0, 0x10000, 0x0100, 0),
            bytes(8),
            MATRIX,
            bytes(24),
            struct.pack(">I", len(tracks) + 1),
        )
    ]
    extends: list[Piece] = []
    for number, track in enumerate(tracks, start=1):
        movie += track_box(number, track)
        extends += full(b"trex", 0, 0, struct.pack(">IIIII", number, 1, 0, 0, 0))
    movie += box(b"mvex", *extends)
    brands = struct.pack(">4sI4s4s4s", b"iso6", 512, b"iso6", b"cmfc", b"mp41")
    return b"".join(map(bytes, (*box(b"ftyp", brands), *box(b"moov", *movie))))


def track_box(number: int, track: InitTrack) -> list[bytes]:
    """Make `trak` (8.3) with empty tables."""
    head = full(
        b"tkhd",
        0,
        3,
        struct.pack(">IIIII", 0, 0, number, 0, 0),
        bytes(8),
        struct.pack(">HHHH", 0, 0, 0x0100 if track.kind == "audio" else 0, 0),
        MATRIX,
        struct.pack(">II", track.width << 16, track.height << 16),
    )
    tables = [
        *full(b"stsd", 0, 0, struct.pack(">I", 1), track.entry),
        *full(b"stts", 0, 0, bytes(4)),
        *full(b"stsc", 0, 0, bytes(4)),
        *full(b"stsz", 0, 0, bytes(8)),
        *full(b"stco", 0, 0, bytes(4)),
    ]
    media = box(
        b"mdia",
        *full(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, track.timescale, 0, UNDETERMINED, 0)),
        *full(b"hdlr", 0, 0, bytes(4), HANDLERS[track.kind], bytes(12), b"\0"),
        *box(b"minf", *media_info(track.kind), *data_info(), *box(b"stbl", *tables)),
    )
    # One edit that says where to begin and, being of no length, nothing of the end (8.6.6).
    edits = full(b"elst", 1, 0, struct.pack(">IQqHH", 1, 0, track.zero, 1, 0))
    return [bytes(piece) for piece in box(b"trak", *head, *box(b"edts", *edits), *media)]


def fragment_head(sequence: int, tracks: Sequence[FragmentTrack], media_size: int) -> bytes:
    """Make `moof` and the head of the `mdat` whose *media_size* bytes follow."""
    runs = [Runs(track.samples) for track in tracks]
    sizes = [TRACK_FRAGMENT + run.words.nbytes for run in runs]
    length = 8 + 16 + sum(sizes)
    mdat = HEAD.pack(media_size + 8, b"mdat")
    written = [HEAD.pack(length, b"moof"), struct.pack(">I4sII", 16, b"mfhd", 0, sequence)]
    for track, run, size in zip(tracks, runs, sizes, strict=True):
        run.move(length + len(mdat))
        written += [
            HEAD.pack(size, b"traf"),
            struct.pack(">I4sII", 16, b"tfhd", OWN_OFFSETS, track.number),
            struct.pack(">I4sIQ", 20, b"tfdt", VERSION, int(track.samples.decoded[0])),
            run.words.tobytes(),
        ]
    return b"".join([*written, mdat])


# The box of a track in a fragment without its runs: traf, tfhd, tfdt.
TRACK_FRAGMENT = 8 + 16 + 20


class Runs:
    """The `trun` boxes of one track, a run for samples that lie behind one another.

    All are made at once: a file that interleaves sample by sample has hundreds in ten seconds.
    """

    def __init__(self, samples: Samples) -> None:
        count = len(samples)
        ends = samples.at + samples.size
        first = np.concatenate(([0], np.flatnonzero(samples.at[1:] != ends[:-1]) + 1))
        counts = np.diff(np.append(first, count))
        self.words: NDArray[np.uint32] = np.empty(len(first) * RUN_HEAD + count * ROW, ">u4")
        heads = np.arange(len(first)) * RUN_HEAD + first * ROW
        self.places = heads + 4
        self.offsets: Ints = samples.at[first].astype(np.int64)
        self.words[heads] = 4 * (RUN_HEAD + counts * ROW)
        self.words[heads + 1] = TRUN
        self.words[heads + 2] = VERSION | COLUMNS
        self.words[heads + 3] = counts
        own = (np.repeat(np.arange(len(first)), counts) + 1) * RUN_HEAD + np.arange(count) * ROW
        self.words[own] = durations(samples)
        self.words[own + 1] = samples.size
        self.words[own + 2] = np.where(samples.sync, SYNC, NOT_SYNC)
        self.words[own + 3] = samples.offset.astype(np.int64) & 0xFFFFFFFF

    def move(self, base: int) -> None:
        """Write where each run is: *base* bytes after the begin of the fragment's head."""
        self.words[self.places] = self.offsets + base


def durations(samples: Samples) -> Ints:
    """Return how long each sample lasts: until the next is decoded, the last as it says."""
    return np.append(np.diff(samples.decoded), samples.duration[-1]).astype(np.int64)
