"""One track of a file of movie fragments: what is taken of a segment, and when it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from exports.clock import NS
from exports.cutting import Span
from exports.engines.splice import table_of
from exports.engines.tracks import TrackBuilder, pushed
from exports.plan import Slice
from vms.media.mp4.index import TrackIndex
from vms.media.mp4.table import Ints, Samples, Table


class Lane:
    """One track of the file of fragments: gives samples their times in it.

    Nothing can be decoded before zero, so all of it is moved on by *delay* ticks: the first picture
    is decoded at zero. The initialisation section says that what is shown then is the begin.
    """

    def __init__(self, kind: str, clock: int) -> None:
        self.kind = kind
        self.clock = clock
        self.builder = TrackBuilder(kind, clock)
        self.after: int | None = None
        self.delay = 0

    def place(self, part: Slice, track: TrackIndex, span: Span) -> Samples:
        """Return samples of a slice at their times; sound that begins before zero is left out."""
        table = table_of(track, span, part.skipped if self.kind == "video" else ())
        move = part.offset_ns - part.origin_ns
        shift = round(move * self.clock / NS) - track.origin
        if track.timescale != self.clock:
            table, shift = self.builder.rescaled(table, track, move), 0
        table, shift = self.behind(table, shift)
        samples = table.samples()
        if self.after is None and self.kind == "video":
            self.delay = int(samples.offset[0])
        self.after = int(samples.decoded[-1]) + shift
        decoded = samples.decoded + (shift + self.delay)
        samples = replace(samples, decoded=decoded)
        if self.kind == "audio":
            return piece_of(samples, [int(np.searchsorted(decoded, 0))], 0)
        # A tick too early for want of finer ones.
        return replace(samples, decoded=np.maximum(decoded, 0))

    def behind(self, table: Table, shift: int) -> tuple[Table, int]:
        """Push decode times on where they would not rise."""
        if self.after is None or table.decoded_from + shift > self.after:
            return table, shift
        return pushed(table, shift, self.after + 1), 0

    def nanoseconds(self, ticks: Ints) -> Ints:
        return ticks // self.clock * NS + ticks % self.clock * NS // self.clock


def piece_of(samples: Samples, edges: Sequence[int], index: int) -> Samples:
    """Return the samples from one edge to the next, from the last one to the end."""
    stop = edges[index + 1] if index + 1 < len(edges) else None
    columns = (column[edges[index] : stop] for column in vars(samples).values())
    return Samples(*columns)
