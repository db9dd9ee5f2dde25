"""One track of a spliced file, collected slice by slice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from exports.clock import NS
from exports.plan import Slice
from vms.media.mp4.entries import read_entry
from vms.media.mp4.index import TrackIndex
from vms.media.mp4.movie import MovieTrack
from vms.media.mp4.table import NO_TICKS, Array, Ints, Table


class TrackBuilder:
    """Puts tables behind one another on the clock of the result.

    A slice whose segment has the same clock is taken as it is, run by run.
    """

    def __init__(self, kind: str, clock: int) -> None:
        self.kind = kind
        self.clock = clock
        self.entries: list[bytes] = []
        self.numbers: dict[str, int] = {}
        self.known: dict[tuple[bytes, ...], Array] = {}
        self.pieces: list[Table] = []
        self.ends: list[int] = []

    def add(self, part: Slice, track: TrackIndex, table: Table, places: Array) -> None:
        """Take the samples of *table*, part of *track*, whose chunks come to lie at *places*."""
        move = part.offset_ns - part.origin_ns
        shift = round(move * self.clock / NS)
        if track.timescale == self.clock:
            begin = table.decoded_from - track.origin + shift
            table = replace(table, decoded_from=begin, chunk_at=places)
        else:
            decoded, offset = table.decoded - track.origin, table.offset
            last = max(1, table.last_duration * self.clock // track.timescale)
            table = replace(table, chunk_at=places).retimed(
                self.rescaled(decoded, track.timescale) + shift,
                self.rescaled(decoded + offset, track.timescale) + shift,
                last,
            )
        self.append(table, track.entries)

    def rescaled(self, ticks: Ints, timescale: int) -> Ints:
        return (ticks * self.clock + timescale // 2) // timescale

    def append(self, table: Table, entries: tuple[bytes, ...]) -> None:
        """Put *table* behind the others; its times and places are those of the result."""
        if self.pieces and table.decoded_from <= self.ends[-1] - self.pieces[-1].last_duration:
            table = pushed(table, self.ends[-1] - self.pieces[-1].last_duration + 1)
        if entries not in self.known:
            self.known[entries] = np.array([self.number(entry) for entry in entries], np.uint8)
        own = self.known[entries]
        self.pieces.append(replace(table, chunk_entry=own[table.chunk_entry]))
        self.ends.append(table.decoded_from + table.ticks)

    def number(self, entry: bytes) -> int:
        """Number a sample entry; those alike to a decoder are one. H.265 is tagged for all."""
        config = read_entry(entry, self.kind).config
        if config not in self.numbers:
            self.numbers[config] = len(self.entries)
            kind = b"hvc1" if entry[4:8] == b"hev1" else entry[4:8]
            self.entries.append(entry[:4] + kind + entry[8:])
        return self.numbers[config]

    def finish(self, length: int, width: int, height: int) -> MovieTrack:
        """Return the track, shown for *length* ticks."""
        return MovieTrack(
            kind=self.kind,
            timescale=self.clock,
            entries=tuple(self.entries),
            table=self.table(),
            length=length,
            width=width,
            height=height,
        )

    def table(self) -> Table:
        pieces = self.pieces
        sizes = np.empty(sum(map(len, pieces)), ">u4")
        np.concatenate([piece.size for piece in pieces], out=sizes, casting="unsafe")
        step_count, step_ticks = self.steps()
        shift_count, shift_ticks = self.shifts()
        return Table(
            size=sizes,
            decoded_from=pieces[0].decoded_from,
            step_count=step_count,
            step_ticks=step_ticks,
            shift_count=shift_count,
            shift_ticks=shift_ticks,
            sync=self.sync(),
            chunk_at=np.concatenate([piece.chunk_at for piece in pieces]),
            chunk_count=np.concatenate([piece.chunk_count for piece in pieces]),
            chunk_entry=np.concatenate([piece.chunk_entry for piece in pieces]),
        )

    def steps(self) -> tuple[Array, Array]:
        """Join the durations; the last sample of a piece lasts until the next piece begins."""
        counts: list[Array] = []
        ticks: list[Array] = []
        follows = [piece.decoded_from for piece in self.pieces[1:]] + [self.ends[-1]]
        for piece, end, begin in zip(self.pieces, self.ends, follows, strict=True):
            if end == begin:
                counts.append(piece.step_count)
                ticks.append(piece.step_ticks)
                continue
            shorter = piece.step_count.astype(np.int64)
            shorter[-1] -= 1
            counts += [shorter, np.array([1])]
            ticks += [piece.step_ticks, np.array([piece.last_duration + begin - end])]
        count, tick = np.concatenate(counts), np.concatenate(ticks)
        return (count, tick) if count.all() else (count[count > 0], tick[count > 0])

    def shifts(self) -> tuple[Array, Array]:
        if not any(len(piece.shift_ticks) for piece in self.pieces):
            return NO_TICKS, NO_TICKS
        rows = [
            (piece.shift_count, piece.shift_ticks)
            if len(piece.shift_ticks)
            else (np.array([len(piece)]), np.array([0]))
            for piece in self.pieces
        ]
        return (
            np.concatenate([count for count, _ in rows]),
            np.concatenate([ticks for _, ticks in rows]),
        )

    def sync(self) -> Array | None:
        if all(piece.sync is None for piece in self.pieces):
            return None
        numbers: list[Array] = []
        before = 0
        for piece in self.pieces:
            own = np.arange(len(piece), dtype=np.uint32) if piece.sync is None else piece.sync
            numbers.append(own + np.uint32(before))
            before += len(piece)
        return np.concatenate(numbers)


def pushed(table: Table, begin: int) -> Table:
    """Return *table* decoded no earlier than *begin*, a tick a sample while it has to catch up.

    Where segments overlap by a moment decode times are pushed on: they have to rise.
    """
    own = table.decoded
    decoded = np.maximum(own, begin + np.arange(len(own)))
    return table.retimed(decoded, np.maximum(own + table.offset, decoded), table.last_duration)
