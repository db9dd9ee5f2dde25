"""The engine that makes a file of ranges of the segments: no re-encode, no second copy.

The header is built from the segments' own sample tables; the media is copied by the kernel.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from exports.clock import NS
from exports.cutting import Span
from exports.engines.base import Locate, Tick
from exports.engines.delivery import write_copy
from exports.engines.spliced import Range, SplicedFile
from exports.errors import ExportError
from exports.plan import ExportPlan, Slice
from vms.media.mp4.entries import read_entry
from vms.media.mp4.index import TrackIndex
from vms.media.mp4.movie import Movie, MovieTrack, build_header

Ints = NDArray[np.int64]


class Unspliceable(ExportError):
    """This plan needs another engine; the message says why."""

    code = "unspliceable"


class SpliceEngine:
    """Exact mp4 files at the speed of copying, of mp4 segments."""

    name = "splice"

    def render(self, plan: ExportPlan, locate: Locate, target: Path, tick: Tick) -> str:
        """Write *target*; returns its SHA-256.

        Raises:
            Unspliceable: this plan needs another engine.
            SegmentChanged: the archive is not what was planned any more.
        """
        return write_copy(splice(plan), locate, target, tick)


def can_splice(plan: ExportPlan) -> bool:
    """Say whether every segment is an mp4 file whose samples we know."""
    return all(part.segment.media.index is not None for part in plan.slices)


def splice(plan: ExportPlan) -> SplicedFile:
    """Make the header and the ranges of *plan*'s file.

    Raises:
        Unspliceable: a segment is no mp4 file that can be joined this way.
    """
    builders = {"video": Builder("video", clock_of(plan))}
    if plan.audio is not None:
        builders["audio"] = Builder("audio", plan.audio.time_base.denominator)
    ranges: list[Range] = []
    at = 0
    for part in plan.slices:
        index = part.segment.media.index
        if index is None:
            raise Unspliceable("A segment is not an mp4 file.")
        spans = {"video": part.video, "audio": part.audio}
        chosen = [
            (builder, index.tracks[kind], spans[kind])
            for kind, builder in builders.items()
            if len(spans[kind]) and kind in index.tracks
        ]
        begins = np.concatenate([track.samples.at[span.slice()] for _, track, span in chosen])
        sizes = np.concatenate(
            [track.samples.size[span.slice()] for _, track, span in chosen]
        ).astype(np.int64)
        places, found = lay_out(begins, sizes, at)
        ranges += [Range(part.segment.id, int(begin), int(length)) for begin, length in found]
        taken = 0
        for builder, track, span in chosen:
            builder.add(part, track, span, places[taken : taken + len(span)])
            taken += len(span)
        at += int(sizes.sum())
    length = plan.duration_ns
    tracks = [builder.finish(plan, length) for builder in builders.values()]
    movie = Movie(
        tracks=tracks,
        scale=clock_of(plan),
        length=ticks_up(length, clock_of(plan)),
        media_size=at,
        created_at=plan.begin,
    )
    indexes = {part.segment.id: part.segment.media.index for part in plan.slices}
    return SplicedFile(
        header=build_header(movie),
        ranges=tuple(ranges),
        states={key: (index.size, index.mtime_ns) for key, index in indexes.items() if index},
        begins={part.segment.id: part.segment.begin for part in plan.slices},
    )


def clock_of(plan: ExportPlan) -> int:
    base = plan.time_base
    return base.denominator if base.numerator == 1 else 90_000


def ticks_up(ns: int, clock: int) -> int:
    return -(-ns * clock // NS)


def lay_out(begins: Ints, sizes: Ints, at: int) -> tuple[Ints, Ints]:
    """Place samples behind one another as they lie in the file, from *at* on.

    Returns the place of each, and (offset, length) of the ranges that hold them: samples that
    touch in the file are one range, what lies between is left out.
    """
    order = np.argsort(begins, kind="stable")
    begin, size = begins[order], sizes[order]
    ends = np.cumsum(size)
    places = np.empty_like(begins)
    places[order] = at + ends - size
    breaks = np.flatnonzero(begin[1:] != begin[:-1] + size[:-1]) + 1
    first = np.concatenate(([0], breaks))
    total = np.diff(np.append(np.concatenate(([0], ends))[first], ends[-1]))
    return places, np.column_stack((begin[first], total))


class Builder:
    """Collects one track of the result, slice by slice."""

    def __init__(self, kind: str, clock: int) -> None:
        self.kind = kind
        self.clock = clock
        self.entries: list[bytes] = []
        self.numbers: dict[str, int] = {}
        self.known: dict[bytes, int] = {}
        self.columns: list[tuple[Ints, Ints, Ints, Ints, NDArray[np.bool_], Ints]] = []
        self.last = 1
        self.decoded_until: int | None = None

    def add(self, part: Slice, track: TrackIndex, span: Span, places: Ints) -> None:
        samples = track.samples
        chosen = span.slice()
        move = part.offset_ns - round(part.origin * NS)
        decoded = self.ticks(samples.decoded[chosen] - track.origin, track.timescale, move)
        offset = samples.offset[chosen].astype(np.int64)
        shown = decoded + offset
        if track.timescale != self.clock:
            shown = self.ticks(track.shown_at[chosen], track.timescale, move)
        if self.decoded_until is not None:
            # Where segments overlap by a moment, decode times are pushed on: they have to rise.
            decoded = np.maximum(decoded, self.decoded_until + 1 + np.arange(len(decoded)))
            shown = np.maximum(shown, decoded)
        self.decoded_until = int(decoded[-1])
        self.last = max(1, int(samples.duration[span.stop - 1]) * self.clock // track.timescale)
        own = np.array([self.entry(entry) for entry in track.entries], np.int64)
        self.columns.append(
            (
                decoded,
                shown,
                samples.size[chosen].astype(np.int64),
                places,
                samples.sync[chosen],
                own[samples.entry[chosen]],
            )
        )

    def ticks(self, ticks: Ints, timescale: int, move_ns: int) -> Ints:
        """Bring ticks of a segment to the clock of the result, and to their place in it."""
        move = round(move_ns * self.clock / NS)
        if timescale == self.clock:
            return ticks + move
        return (ticks * self.clock + timescale // 2) // timescale + move

    def entry(self, entry: bytes) -> int:
        """Number a sample entry; those alike to a decoder are one. H.265 is tagged for all."""
        if entry not in self.known:
            config = read_entry(entry, self.kind).config
            if config not in self.numbers:
                self.numbers[config] = len(self.entries)
                kind = b"hvc1" if entry[4:8] == b"hev1" else entry[4:8]
                self.entries.append(entry[:4] + kind + entry[8:])
            self.known[entry] = self.numbers[config]
        return self.known[entry]

    def finish(self, plan: ExportPlan, length_ns: int) -> MovieTrack:
        decoded, shown, size, place, sync, entry = (
            np.concatenate(column) for column in zip(*self.columns, strict=True)
        )
        media = plan.slices[0].segment.media
        is_video = self.kind == "video"
        return MovieTrack(
            kind=self.kind,
            timescale=self.clock,
            entries=tuple(self.entries),
            decoded=decoded,
            shown=shown,
            size=size,
            place=place,
            sync=sync,
            entry=entry,
            length=ticks_up(length_ns, self.clock),
            last=self.last,
            width=media.width if is_video else 0,
            height=media.height if is_video else 0,
        )
