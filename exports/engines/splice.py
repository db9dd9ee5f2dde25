"""The engine that makes a file of ranges of the segments: no re-encode, no second copy.

The header is built from the segments' own sample tables; the media is copied by the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from exports.clock import NS
from exports.cutting import Span
from exports.engines.base import Locate, Tick
from exports.engines.delivery import write_copy
from exports.engines.hashing import Hasher
from exports.engines.inband import Insertions, parameter_sets
from exports.engines.opening import open_smart
from exports.engines.readback import verify_tables
from exports.engines.spliced import Blob, Part, Range, SplicedFile
from exports.engines.timing import bounded_length, ticks_up
from exports.engines.tracks import TrackBuilder
from exports.errors import ExportError
from exports.plan import ExportPlan, Opening, Slice, picture_times
from exports.terms import Cut
from vms.media.collecting import rarely_collected
from vms.media.mp4.atoms import Malformed
from vms.media.mp4.index import FileIndex, TrackIndex
from vms.media.mp4.movie import MOST_VALUE, Movie, build_header
from vms.media.mp4.table import Spans, Table, spans_of


class Unspliceable(ExportError):
    """This plan needs another engine; the message says why."""

    code = "unspliceable"


class SpliceEngine:
    """Exact mp4 files at the speed of copying, of mp4 segments."""

    name = "splice"

    def __init__(self) -> None:
        self.added = 0

    def render(self, plan: ExportPlan, locate: Locate, target: Path, tick: Tick) -> Hasher:
        """Write *target*; its SHA-256 is made on the way.

        Raises:
            Unspliceable: this plan needs another engine.
            SegmentChanged: the archive is not what was planned any more.
        """
        spliced = splice(plan)
        self.added = spliced.added
        return write_copy(spliced, locate, target, tick)

    def prepare(self, plan: ExportPlan, locate: Locate, tick: Callable[[], None]) -> ExportPlan:
        return open_smart(plan, locate, tick) if plan.cut is Cut.SMART else plan

    def verify(self, path: Path, plan: ExportPlan) -> None:
        verify_tables(path, plan, self.added)

    def mode(self, plan: ExportPlan) -> str:
        return "smart" if plan.is_encoded else "copy"

    def notes(self) -> list[str]:
        return []


def can_splice(plan: ExportPlan) -> bool:
    """Say whether every segment is an mp4 file whose samples we know, all of one codec.

    Pictures can be hidden before the first one shown and behind the last, not between.
    """
    media = [part.segment.media for part in plan.slices]
    is_known = all(one.index is not None for one in media)
    return is_known and len({one.video.codec for one in media}) == 1 and not plan.hides_within


@rarely_collected()
def splice(plan: ExportPlan) -> SplicedFile:
    """Make the header and the ranges of *plan*'s file.

    Raises:
        Unspliceable: a segment is no mp4 file that can be joined this way.
    """
    if plan.hides_within:
        raise Unspliceable("Pictures would have to be hidden midway.")
    joint = Joint(plan)
    try:
        for part in plan.slices:
            joint.add(part)
        return joint.finish()
    except Malformed as error:
        raise Unspliceable("The tables of a segment contradict each other.") from error


# Ticks a second that five days of a held picture still fit.
COARSE = 9_000
# A builder, the track its samples are of, and their table: the pictures first.
Chosen = tuple[TrackBuilder, TrackIndex, Table]
# Of tables whose chunks are at their places already.
IN_PLACE = Spans(np.zeros(1, np.int64), np.zeros(1, np.int64))


class Joint:
    """Joins the slices of one plan."""

    def __init__(self, plan: ExportPlan) -> None:
        self.plan = plan
        self.clock = clock_of(plan)
        self.builders = {"video": TrackBuilder("video", self.clock)}
        if plan.audio is not None:
            self.builders["audio"] = TrackBuilder("audio", plan.audio.time_base.denominator)
        self.ranges: list[Part] = []
        self.size = 0
        self.added = 0

    def add(self, part: Slice) -> None:
        index = index_of(part)
        if part.opening is not None:
            self.open(index.tracks["video"], part, part.opening)
        wanted = {"video": part.video, "audio": part.audio}
        chosen = [
            (builder, track, table_of(track, span, part.skipped if kind == "video" else ()))
            for kind, builder in self.builders.items()
            if len(span := wanted[kind]) and (track := index.tracks.get(kind)) is not None
        ]
        self.copy(part, index, [one for one in chosen if len(one[2])])
        if part.closing is not None:
            self.open(index.tracks["video"], part, part.closing)

    def copy(self, part: Slice, index: FileIndex, chosen: Sequence[Chosen]) -> None:
        """Add what is copied of a slice."""
        used = [table for _, _, table in chosen]
        if not used:
            return
        if sum(map(len, used)) == sum(track.summary.count for track in index.tracks.values()):
            spans = index.spans
        elif (found := spans_of(used)) is not None:
            spans = found
        else:
            raise Unspliceable("Samples of a segment share bytes.")
        if self.plan.configs > 1 and chosen[0][0].kind == "video":
            self.add_with_sets(part, chosen, spans)
            return
        self.ranges += [
            Range(part.segment.id, begin, length)
            for begin, length in zip(spans.begin.tolist(), spans.length.tolist(), strict=True)
        ]
        for builder, track, table in chosen:
            builder.add(part, track, table, spans, self.size)
        self.size += spans.total

    def add_with_sets(self, part: Slice, chosen: Sequence[Chosen], spans: Spans) -> None:
        """Add a slice with its parameter sets before each keyframe."""
        insertions = Insertions(*chosen[0][1:])
        for builder, track, table in chosen:
            place = insertions.pictures if builder.kind == "video" else insertions.sound
            builder.add(part, track, place(spans, table, self.size), IN_PLACE, 0)
        self.ranges += insertions.parts(part.segment.id, spans)
        self.size += spans.total + insertions.total
        self.added += insertions.total

    def open(self, track: TrackIndex, part: Slice, opening: Opening) -> None:
        """Put pictures that were encoded anew before those of their slice, or behind."""
        if self.plan.configs > 1 and (sets := parameter_sets(opening.entry)):
            size = opening.size.copy()
            size[0] += len(sets)
            opening = replace(opening, data=sets + opening.data, size=size)
            self.added += len(sets)
        self.builders["video"].open(part, track, opening, self.size)
        self.ranges.append(Blob(opening.data))
        self.size += len(opening.data)

    def finish(self) -> SplicedFile:
        plan = self.plan
        header = build_header(self.movie())
        indexes = [(part.segment, index_of(part)) for part in plan.slices]
        return SplicedFile(
            header=header,
            ranges=tuple(self.ranges),
            states={segment.id: (index.size, index.mtime_ns) for segment, index in indexes},
            begins={segment.id: segment.begin for segment, _ in indexes},
            added=self.added,
        )

    def movie(self) -> Movie:
        plan, media = self.plan, self.plan.slices[0].segment.media
        sizes = {"video": (media.width, media.height), "audio": (0, 0)}
        lengths = {
            kind: ticks_up(plan.duration_ns, builder.clock)
            for kind, builder in self.builders.items()
        }
        lengths["video"] = self.shown_length(lengths["video"])
        tracks = [
            builder.finish(lengths[kind], *sizes[kind]) for kind, builder in self.builders.items()
        ]
        # What they collected of a day is as large as the header that is made next.
        self.builders.clear()
        return Movie(
            tracks=tracks,
            scale=self.clock,
            length=lengths["video"],
            media_size=self.size,
            created_at=plan.begin,
            chapters=[(run.at_ns / NS, run.title) for run in plan.runs],
        )

    def shown_length(self, ticks: int) -> int:
        """Return for how many ticks to show the file: all pictures planned, and none behind."""
        part = self.plan.slices[-1]
        at = self.builders["video"].last_shown
        if part.closing is not None or not len(part.video):
            return bounded_length(ticks, at, at[:0])
        inside = picture_times(replace(part, opening=None)) < self.plan.duration_ns
        return bounded_length(ticks, at[inside], at[~inside])


def table_of(track: TrackIndex, span: Span, skipped: tuple[int, ...]) -> Table:
    table = track.table.part(span.first, span.stop)
    return table.without([number - span.first for number in skipped])


def index_of(part: Slice) -> FileIndex:
    index = part.segment.media.index
    if index is None:
        raise Unspliceable("A segment is not an mp4 file.")
    return index


def clock_of(plan: ExportPlan) -> int:
    """Return the ticks a second of the result: those of the segments if they all fit 32 bits.

    The last picture before a gap that is kept lasts as long as the gap.
    """
    base = plan.time_base
    clock = base.denominator if base.numerator == 1 else 90_000
    return clock if plan.duration_ns * clock // NS < MOST_VALUE else COARSE
