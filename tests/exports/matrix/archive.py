"""Segments of a reel on disk, and what an export of them has to show.

What is wanted is worked out here in exact fractions from what was put into the segments, without
the planner. Wall times are seconds since `BEGIN`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av

from cameras.archive.muxing import MP4_OPTIONS
from cameras.timeline import Interval
from exports.cutting import SegmentMedia
from exports.engines.splice import SpliceEngine
from exports.engines.verify import verify
from exports.plan import ExportPlan, make_plan
from exports.terms import Gaps
from tests.exports.matrix.reel import Piece, Reel
from tests.footage import BEGIN
from vms.media.keyframes import leading_pictures
from vms.media.probe import UnreadableMedia
from vms.media.segment import read_segment

HOLD = Fraction(1, 5)
FORMATS = {"fmp4": "mp4", "mp4": "mp4", "faststart": "mp4", "mov": "mov", "mpegts": "mpegts"}


@dataclass(frozen=True)
class Picture:
    """One recorded picture: on screen from `at` until `end` as far as its own segment knows."""

    at: Fraction
    end: Fraction
    number: int


@dataclass
class Segment:
    """A segment of the packets *span* of its reel's pictures, in decode order."""

    path: Path
    begin: Fraction
    pictures: list[Picture]
    reel: Reel
    span: range

    @property
    def end(self) -> Fraction:
        return max(picture.end for picture in self.pictures)


class Archive:
    """Segments in *folder*, as the planner and the engines want them, by number."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[int, Segment] = {}

    def record(
        self,
        reel: Reel,
        first: int = 0,
        stop: int | None = None,
        container: str = "mp4",
        later: int = 0,
        *,
        hidden: int = 0,
    ) -> int:
        """Make one segment of the pictures from *first* up to *stop*, counted in decode order.

        It is placed *later* seconds than its pictures say, and its own edit list hides so many
        more before them. Returns its number.
        """
        number = len(self.known)
        suffix = ".ts" if container == "mpegts" else ".mp4"
        path = self.folder / f"{number:06d}{suffix}"
        video = reel.video[first:stop]
        until = reel.video[stop].at if stop and stop < len(reel.video) else None
        write(path, reel, reel.video[first - hidden : stop], until, container, hidden)
        pictures = pictures_of(video, later)
        span = range(len(reel.video))[first - hidden : stop]
        self.known[number] = Segment(path, pictures[0].at, pictures, reel, span)
        return number

    def record_all(self, reel: Reel, length: int, container: str = "mp4") -> Archive:
        """Make segments of *length* pictures each of the whole reel."""
        for first in range(0, len(reel.video), length):
            self.record(reel, first, min(first + length, len(reel.video)), container)
        return self

    def lose(self, number: int) -> None:
        """Forget a segment and delete its file."""
        self.known.pop(number).path.unlink()

    def locate(self, number: int) -> Path:
        return self.known[number].path

    def segments(self) -> tuple[list[SegmentMedia], list[str]]:
        """Read what can be read; returns it and what is to be said of the rest."""
        found, skipped = [], []
        for number, segment in self.known.items():
            try:
                media = read_segment(segment.path)
            except UnreadableMedia as error:
                skipped.append(f"segment {number}: {error.reason}")
            else:
                leading = leading_pictures(segment.path, media)
                found.append(SegmentMedia(number, instant(segment.begin), media, leading))
        return found, skipped

    def plan(self, begin: Fraction, end: Fraction, **options) -> ExportPlan:
        found, skipped = self.segments()
        asked = Interval(instant(begin), instant(end))
        return make_plan(asked, found, skipped=skipped, before=found, **options)

    def export(self, engine, begin, end, target: Path, **options) -> ExportPlan:
        plan = self.plan(begin, end, **options)
        self.render(engine, plan, target)
        engine.verify(target, plan)
        if isinstance(engine, SpliceEngine):
            verify(target, plan)  # finds other things than its own
        return plan

    def render(self, engine, plan: ExportPlan, target: Path) -> None:
        """Have *engine* make the file, and wait for its digest: it reads the file till then."""
        hasher = engine.render(plan, self.locate, target, lambda _part: None)
        if hasher is not None:
            hasher.finish(lambda: None)

    def at(self, number: int) -> Fraction:
        """Return the first whole microsecond at which picture *number* is on screen."""
        micros = next(one.at for one in self.pictures() if one.number == number) * 10**6
        return Fraction(-(-micros.numerator // micros.denominator), 10**6)

    def wanted(self, begin: Fraction, end: Fraction) -> list[Picture]:
        """List the pictures an exact export of `[begin, end)` shows.

        From the one on screen at *begin* to the last that begins before *end*. A picture recorded
        twice counts once; one before a pause of up to `HOLD` stays on screen during it.
        """
        pictures = self.pictures()
        first = 0
        for index, (picture, later) in enumerate(pairwise([*pictures, None])):
            held = later is not None and later.at - picture.end <= HOLD
            if (later.at if held else picture.end) <= begin:
                first = index + 1
        return [picture for picture in pictures[first:] if picture.at < end]

    def pictures(self) -> list[Picture]:
        """List all recorded pictures that can be decoded by time, each once."""
        by_number: dict[int, Picture] = {}
        before: Segment | None = None
        for segment in sorted(self.known.values(), key=lambda segment: segment.begin):
            missing = orphans(before, segment)
            for picture in segment.pictures:
                if picture.number not in missing:
                    by_number.setdefault(picture.number, picture)
            before = segment if len(missing) < len(segment.pictures) else None
        return sorted(by_number.values(), key=lambda picture: picture.at)


def in_file(pictures: Iterable[Picture], policy: Gaps = Gaps.COLLAPSE) -> list[Fraction]:
    """Return when a file shows each of *pictures*, in seconds from its beginning."""
    pictures = list(pictures)
    times, removed = [], pictures[0].at
    for sooner, later in pairwise([pictures[0], *pictures]):
        if policy is Gaps.COLLAPSE and later.at - sooner.end > HOLD:
            removed += later.at - sooner.end
        times.append(later.at - removed)
    return times


def orphans(before: Segment | None, segment: Segment) -> set[int]:
    """Return the numbers of pictures that need some that are not recorded.

    That is of pictures before the first keyframe, whether decoded or shown before it, unless the
    segment *before*, which can be decoded, ends where this one begins.
    """
    if (
        before is not None
        and before.reel is segment.reel
        and before.span.stop == segment.span.start
    ):
        return set()
    video = segment.reel.video[segment.span.start : segment.span.stop]
    first = next((number for number, piece in enumerate(video) if piece.key), len(video))
    sooner = {piece.number for piece in video[:first]}
    return sooner | {piece.number for piece in video[first:] if piece.pts < video[first].pts}


def pictures_of(video: list[Piece], later: int) -> list[Picture]:
    """List the pictures of a segment by time, placed by its begin in whole microseconds."""
    shown = sorted(video, key=lambda piece: piece.pts)
    move = whole_micros(shown[0].at) - shown[0].at + later
    ends = [later.at for later in shown[1:]]
    ends.append(shown[-1].at + shown[-1].duration * shown[-1].base)
    return [
        Picture(piece.at + move, end + move, piece.number)
        for piece, end in zip(shown, ends, strict=True)
    ]


def write(
    path: Path,
    reel: Reel,
    video: list[Piece],
    until: Fraction | None,
    container: str,
    hidden: int = 0,
) -> None:
    """Write a segment: *video*, and the sound from its first picture up to *until*.

    As a recorder does, its clock begins with the first picture and sound keeps its distance.
    """
    options = {"avoid_negative_ts": "disabled"}
    if container == "fmp4":
        options |= dict(part.split("=", 1) for part in MP4_OPTIONS.split(":"))
    elif container == "faststart":
        options["movflags"] = "+faststart"
    begin = min(piece.at for piece in video[hidden:])
    end = until if until is not None else Fraction(10**9)
    with av.open(str(path), "w", format=FORMATS[container], options=options) as output:
        streams = [output.add_stream_from_template(template) for template in reel.templates]
        for stream, template in zip(streams, reel.templates, strict=True):
            stream.time_base = template.time_base
            if template.codec_context.name == "hevc" and container != "mpegts":
                stream.codec_context.codec_tag = "hvc1"
        sound = reel.audio[bisect_left(reel.heard, begin) : bisect_left(reel.heard, end)]
        for piece in sorted([*video, *sound], key=lambda piece: piece.dts * piece.base):
            output.mux(piece.packet(streams[piece.number < 0], begin))


def whole_micros(seconds: Fraction) -> Fraction:
    return Fraction(round(seconds * 10**6), 10**6)


def instant(seconds: Fraction):
    """Return *seconds* after `BEGIN`, on whole microseconds."""
    return BEGIN + timedelta(microseconds=round(seconds * 10**6))
