"""The engine that makes a file of ranges of the segments: no re-encode, no second copy.

The header is built from the segments' own sample tables; the media is copied by the kernel.
"""

from __future__ import annotations

from pathlib import Path

from exports.clock import NS
from exports.engines.base import Locate, Tick
from exports.engines.delivery import write_copy
from exports.engines.spliced import Range, SplicedFile
from exports.engines.tracks import TrackBuilder
from exports.errors import ExportError
from exports.plan import ExportPlan, Slice
from vms.media.mp4.index import FileIndex
from vms.media.mp4.movie import Movie, build_header
from vms.media.mp4.table import spans_of


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
    joint = Joint(plan)
    for part in plan.slices:
        joint.add(part)
    return joint.finish()


class Joint:
    """Joins the slices of one plan."""

    def __init__(self, plan: ExportPlan) -> None:
        self.plan = plan
        self.clock = clock_of(plan)
        self.builders = {"video": TrackBuilder("video", self.clock)}
        if plan.audio is not None:
            self.builders["audio"] = TrackBuilder("audio", plan.audio.time_base.denominator)
        self.ranges: list[Range] = []
        self.size = 0

    def add(self, part: Slice) -> None:
        index = index_of(part)
        wanted = {"video": part.video, "audio": part.audio}
        chosen = [
            (builder, track, track.table.part(span.first, span.stop))
            for kind, builder in self.builders.items()
            if len(span := wanted[kind]) and (track := index.tracks.get(kind)) is not None
        ]
        used = [table for _, _, table in chosen]
        if sum(map(len, used)) == sum(track.summary.count for track in index.tracks.values()):
            spans = index.spans
        elif (found := spans_of(used)) is not None:
            spans = found
        else:
            raise Unspliceable("Samples of a segment share bytes.")
        self.ranges += [
            Range(part.segment.id, begin, length)
            for begin, length in zip(spans.begin.tolist(), spans.length.tolist(), strict=True)
        ]
        for builder, track, table in chosen:
            builder.add(part, track, table, spans, self.size)
        self.size += spans.total

    def finish(self) -> SplicedFile:
        plan = self.plan
        header = build_header(self.movie())
        indexes = [(part.segment, index_of(part)) for part in plan.slices]
        return SplicedFile(
            header=header,
            ranges=tuple(self.ranges),
            states={segment.id: (index.size, index.mtime_ns) for segment, index in indexes},
            begins={segment.id: segment.begin for segment, _ in indexes},
        )

    def movie(self) -> Movie:
        plan, media = self.plan, self.plan.slices[0].segment.media
        sizes = {"video": (media.width, media.height), "audio": (0, 0)}
        return Movie(
            tracks=[
                builder.finish(ticks_up(plan.duration_ns, builder.clock), *sizes[kind])
                for kind, builder in self.builders.items()
            ],
            scale=self.clock,
            length=ticks_up(plan.duration_ns, self.clock),
            media_size=self.size,
            created_at=plan.begin,
            chapters=[(run.at_ns / NS, run.title) for run in plan.runs],
        )


def index_of(part: Slice) -> FileIndex:
    index = part.segment.media.index
    if index is None:
        raise Unspliceable("A segment is not an mp4 file.")
    return index


def clock_of(plan: ExportPlan) -> int:
    base = plan.time_base
    return base.denominator if base.numerator == 1 else 90_000


def ticks_up(ns: int, clock: int) -> int:
    return -(-ns * clock // NS)
