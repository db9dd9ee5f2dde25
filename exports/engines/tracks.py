"""One track of a spliced file, collected slice by slice."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from exports.clock import NS, Nanoseconds, scale
from exports.plan import Opening, Slice
from vms.media.mp4.entries import read_entry
from vms.media.mp4.index import TrackIndex
from vms.media.mp4.movie import MovieTrack
from vms.media.mp4.table import (
    NO_TICKS,
    Array,
    Ints,
    Samples,
    Spans,
    Table,
    pack,
    runs,
    shifts,
)


class TrackBuilder:
    """Puts tables behind one another on the clock of the result.

    A slice whose segment has the same clock is taken as it is, run by run: what is kept of it are
    views of its arrays, and how far its chunks move.
    """

    def __init__(self, kind: str, clock: int) -> None:
        self.kind = kind
        self.clock = clock
        self.entries: list[bytes] = []
        self.numbers: dict[str, int] = {}
        self.known: dict[tuple[bytes, ...], Array] = {}
        self.sizes: list[Array] = []
        self.step_counts: list[Array] = []
        self.step_ticks: list[Array] = []
        self.shift_counts: list[Array] = []
        self.shift_ticks: list[Array] = []
        self.syncs: list[Array | None] = []
        self.chunks: list[Array] = []
        self.moves: list[int] = []
        self.chunk_counts: list[Array] = []
        self.chunk_entries: list[Array] = []
        self.begin = 0
        self.end = 0
        self.latest: tuple[Table, int] | None = None

    def add(self, part: Slice, track: TrackIndex, table: Table, spans: Spans, base: int) -> None:
        """Take the samples of *table*, part of *track*; their *spans* come to lie at *base*."""
        move = part.offset_ns - part.origin_ns
        shift = round(move * self.clock / NS) - track.origin
        if track.timescale != self.clock:
            table = self.rescaled(table, track, move)
            shift = 0
        self.append(table, shift, track.entries)
        if len(spans.begin) == 1:
            self.chunks.append(table.chunk_at)
            self.moves.append(base - int(spans.begin[0]))
        else:
            self.chunks.append(spans.places(table.chunk_at, base))
            self.moves.append(0)

    def open(self, part: Slice, track: TrackIndex, opening: Opening, base: int) -> None:
        """Take pictures that were encoded anew; they come to lie at *base*."""
        known = self.own_entries(track.entries)
        if opening.replaces is not None:
            self.entries[known[track.entries.index(opening.replaces)]] = tagged(opening.entry)
        samples = Samples(
            at=np.cumsum(opening.size) - opening.size,
            size=opening.size,
            decoded=opening.decoded + track.origin,
            offset=opening.shown - opening.decoded,
            duration=opening.duration,
            entry=np.zeros(len(opening.size), np.uint8),
            sync=opening.sync,
        )
        entry = opening.replaces or opening.entry
        table = pack(samples)
        track = replace(track, entries=(entry,), load=lambda: table)
        self.add(part, track, table, Spans(np.zeros(1, np.int64), opening.size[:1]), base)

    def rescaled(self, table: Table, track: TrackIndex, move_ns: int) -> Table:
        """Bring the times of *table* to our clock and to their place, each rounded once."""
        base = Fraction(1, track.timescale)
        decoded = table.decoded - track.origin
        last = max(1, table.last_duration * self.clock // track.timescale)
        return table.retimed(
            ticks_of(scale(decoded, base) + move_ns, self.clock),
            ticks_of(scale(decoded + table.offset, base) + move_ns, self.clock),
            last,
        )

    def append(self, table: Table, shift: int, entries: tuple[bytes, ...]) -> None:
        """Put *table*, moved by *shift* ticks, behind the others."""
        begin = table.decoded_from + shift
        if self.sizes and begin != self.end:
            last = self.end - int(self.step_ticks[-1][-1])
            if begin <= last and not (self.kind == "video" and self.pull_back(begin)):
                table = pushed(table, shift, last + 1, keeps_shown=self.kind == "video")
                begin, shift = table.decoded_from, 0
            if begin != self.end:
                self.stretch_last(begin - self.end)
        elif not self.sizes:
            if begin > 0 and self.kind == "video":
                table, shift, begin = decoded_in_time(table, shift), 0, 0
            self.begin = begin
        self.latest = table, shift
        self.end = begin + table.ticks
        self.sizes.append(table.size)
        self.step_counts.append(table.step_count)
        self.step_ticks.append(table.step_ticks)
        self.shift_counts.append(table.shift_count)
        self.shift_ticks.append(table.shift_ticks)
        self.syncs.append(table.sync)
        self.chunk_counts.append(table.chunk_count)
        self.chunk_entries.append(self.own_numbers(entries, table))

    def stretch_last(self, ticks: int) -> None:
        """Let the last sample so far last *ticks* longer: until the next one begins."""
        counts = self.step_counts[-1].astype(np.int64)
        values = self.step_ticks[-1].astype(np.int64)
        counts[-1] -= 1
        self.step_counts[-1] = np.append(counts, 1)
        self.step_ticks[-1] = np.append(values, values[-1] + ticks)

    def pull_back(self, begin: int) -> bool:
        """Let the samples of the last slice be decoded before *begin*, shown as they are.

        False when there are too few ticks for that.
        """
        duration = np.repeat(self.step_ticks[-1].astype(np.int64), self.step_counts[-1])
        first = self.end - int(duration.sum())
        decoded = first + np.cumsum(duration) - duration
        earlier = np.minimum(decoded, begin - np.arange(len(decoded), 0, -1))
        if earlier[0] < decoded[0]:
            return False
        offset = np.zeros(len(decoded), np.int64)
        if len(self.shift_ticks[-1]):
            offset = np.repeat(self.shift_ticks[-1].astype(np.int64), self.shift_counts[-1])
        steps = np.append(np.diff(earlier), begin - earlier[-1])
        self.step_counts[-1], self.step_ticks[-1] = runs(steps)
        self.shift_counts[-1], self.shift_ticks[-1] = shifts(decoded + offset - earlier)
        self.end = begin
        return True

    @property
    def last_shown(self) -> Ints:
        """Return when the samples added last are shown."""
        if self.latest is None:
            return NO_TICKS.astype(np.int64)
        table, shift = self.latest
        return table.decoded + table.offset + shift

    def own_numbers(self, entries: tuple[bytes, ...], table: Table) -> Array:
        """Number the sample entry of each chunk; one number that is repeated takes no memory."""
        numbers = self.own_entries(entries)
        if len(numbers) > 1:
            return numbers[table.chunk_entry]
        return np.ndarray((len(table.chunk_entry),), numbers.dtype, numbers, strides=(0,))

    def own_entries(self, entries: tuple[bytes, ...]) -> Array:
        """Return our numbers of a segment's sample entries."""
        if entries not in self.known:
            self.known[entries] = np.array([self.number(entry) for entry in entries], np.uint16)
        return self.known[entries]

    def number(self, entry: bytes) -> int:
        """Number a sample entry; those alike to a decoder are one. H.265 is tagged for all."""
        config = read_entry(entry, self.kind).config
        if config not in self.numbers:
            self.numbers[config] = len(self.entries)
            self.entries.append(tagged(entry))
        return self.numbers[config]

    def finish(self, length: int, width: int, height: int) -> MovieTrack:
        """Return the track, shown for *length* ticks; what was collected is given up."""
        shift_counts, shift_ticks = self.joined_shifts()
        step_counts, step_ticks = np.concatenate(self.step_counts), np.concatenate(self.step_ticks)
        used = step_counts > 0
        table = Table(
            decoded_from=self.begin,
            sync=self.joined_syncs(),
            size=self.joined_sizes(),
            step_count=step_counts[used],
            step_ticks=step_ticks[used],
            shift_count=shift_counts,
            shift_ticks=shift_ticks,
            chunk_at=self.joined_chunks(),
            chunk_count=np.concatenate(self.chunk_counts),
            chunk_entry=self.joined_entries(),
        )
        return MovieTrack(self.kind, self.clock, tuple(self.entries), table, length, width, height)

    def joined_sizes(self) -> Array:
        """Join the sizes, as the header will hold them: there are millions."""
        sizes = np.empty(sum(map(len, self.sizes)), ">u4")
        np.concatenate(self.sizes, out=sizes, casting="unsafe")
        self.sizes.clear()
        return sizes

    def joined_chunks(self) -> Array:
        """Join the chunks' places, in the form they take in the header of a large file."""
        places = np.empty(sum(map(len, self.chunks)), ">i8")
        at = 0
        for chunk, move in zip(self.chunks, self.moves, strict=True):
            np.add(chunk, np.int64(move), out=places[at : at + len(chunk)])
            at += len(chunk)
        self.chunks.clear()
        return places

    def joined_entries(self) -> Array:
        if len(self.entries) > 1:
            return np.concatenate(self.chunk_entries)
        return np.broadcast_to(np.uint16(0), sum(map(len, self.chunk_entries)))

    def joined_shifts(self) -> tuple[Array, Array]:
        if not any(map(len, self.shift_ticks)):
            return NO_TICKS, NO_TICKS
        rows = [
            (counts, ticks) if len(ticks) else (np.array([len(size)]), np.array([0]))
            for counts, ticks, size in zip(
                self.shift_counts, self.shift_ticks, self.sizes, strict=True
            )
        ]
        return (
            np.concatenate([counts for counts, _ in rows]),
            np.concatenate([ticks for _, ticks in rows]),
        )

    def joined_syncs(self) -> Array | None:
        if all(sync is None for sync in self.syncs):
            return None
        numbers: list[Array] = []
        before = 0
        for sync, size in zip(self.syncs, self.sizes, strict=True):
            own = np.arange(len(size), dtype=np.uint32) if sync is None else sync
            numbers.append(own + np.uint32(before))
            before += len(size)
        return np.concatenate(numbers)


def tagged(entry: bytes) -> bytes:
    """Tag H.265 as all players know it."""
    return entry[:4] + b"hvc1" + entry[8:] if entry[4:8] == b"hev1" else entry


def ticks_of(times: Nanoseconds, clock: int) -> Ints:
    """Turn nanoseconds into the nearest ticks of a clock, without overflow."""
    seconds, rest = np.divmod(times, NS)
    ticks: Ints = seconds * clock + (rest * clock + NS // 2) // NS
    return ticks


def decoded_in_time(table: Table, shift: int) -> Table:
    """Return *table* moved by *shift*, its first sample decoded at zero: an edit list hides others.

    Some files say that pictures are shown before they are decoded.
    """
    decoded = table.decoded + shift
    shown = decoded + table.offset
    decoded[0] = 0
    return table.retimed(decoded, shown, table.last_duration)


def pushed(table: Table, shift: int, begin: int, *, keeps_shown: bool = False) -> Table:
    """Return *table* moved by *shift*, decoded no earlier than *begin*.

    Where segments overlap by a moment decode times are pushed on, a tick a sample while they
    have to catch up: they have to rise. With *keeps_shown* samples may be shown before that.
    """
    own = table.decoded + shift
    decoded = np.maximum(own, begin + np.arange(len(own)))
    shown = own + table.offset
    if not keeps_shown:
        # Only those that were pushed: others may be shown before they are decoded.
        shown = np.where(decoded > own, np.maximum(shown, decoded), shown)
    return table.retimed(decoded, shown, table.last_duration)
