"""The footage around a cut as its segment holds it, read sample by sample, and what can go wrong.

Nothing is mapped into memory, and one sample is held at a time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vms.media.mp4.index import TrackIndex

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# A coded picture larger than this is a forged size.
LARGEST_SAMPLE = 64 * 2**20


class Unencodable(Exception):
    """The begin of this footage cannot be encoded anew; `reason` is a phrase for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Source:
    """Pictures of one segment in decode order, from a keyframe on, all of one sample entry.

    `entry` is the whole box of the sample entry. Arrays have one item a sample: `at` the offset
    in the file, `size` in bytes; `decoded`, `shown`, `duration` in ticks of one clock, which may
    have any zero; `sync` marks what the file calls keyframes, the first of them sample 0.
    """

    path: Path
    entry: bytes
    timescale: int
    at: Ints
    size: Ints
    decoded: Ints
    shown: Ints
    duration: Ints
    sync: Bools

    @classmethod
    def of(cls, path: Path, track: TrackIndex, first: int) -> Source:
        """Take the samples of *track* from keyframe number *first* on, as far as one entry goes.

        Times are on the file's own clock: zero is what its edit list shows first.
        """
        samples = track.table.samples(first)
        other = np.flatnonzero(samples.entry != samples.entry[:1])
        part = slice(int(other[0]) if len(other) else None)
        decoded = samples.decoded[part].astype(np.int64) - track.origin
        return cls(
            path=path,
            entry=track.entries[int(samples.entry[0])],
            timescale=track.timescale,
            at=samples.at[part].astype(np.int64),
            size=samples.size[part].astype(np.int64),
            decoded=decoded,
            shown=decoded + samples.offset[part],
            duration=samples.duration[part].astype(np.int64),
            sync=samples.sync[part],
        )

    def __len__(self) -> int:
        return len(self.at)

    def screen_times(self, pictures: Ints) -> Ints:
        """Return for how many ticks each of *pictures* is on screen: until the next is shown."""
        order = np.argsort(self.shown, kind="stable")
        until = np.empty(len(self), np.int64)
        until[order[:-1]] = np.diff(self.shown[order])
        until[order[-1]] = self.duration[order[-1]]
        return until[pictures]


class Reader:
    """Reads the samples of an open segment."""

    def __init__(self, source: Source, file: int) -> None:
        self.source = source
        self.file = file

    def read(self, index: int) -> bytes:
        """Return the bytes of a sample.

        Raises:
            Unencodable: the file ends before, or the size is impossible.
        """
        size = int(self.source.size[index])
        if not 0 < size <= LARGEST_SAMPLE:
            raise Unencodable("a picture has an impossible size")
        content = os.pread(self.file, size, int(self.source.at[index]))
        if len(content) < size:
            raise Unencodable("the recording became shorter")
        return content


@contextmanager
def reading(source: Source) -> Iterator[Reader]:
    """Open the segment of *source*.

    Raises:
        OSError: it cannot be opened.
    """
    file = os.open(source.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield Reader(source, file)
    finally:
        os.close(file)
