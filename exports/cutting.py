"""Which segments an interval needs, and from when to when. Pure; times are wall nanoseconds.

Every segment is put on the wall clock by its own begin and used up to where the next one begins.
`exports.trimming` says which of their packets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from cameras.timeline import Interval
from exports.clock import Nanoseconds, nanoseconds, scale, scale_one
from exports.terms import HOLD
from vms.media.keyframes import Leading
from vms.media.probe import MediaFile

HOLD_NS = HOLD // timedelta(microseconds=1) * 1000
# Begins of segments are rounded to microseconds: a picture that near to one belongs to it.
ROUNDING_NS = 1000


@dataclass(frozen=True, slots=True)
class SegmentMedia:
    """One segment as the planner sees it: its row's id, when its first picture is, its packets."""

    id: int
    begin: datetime
    media: MediaFile
    leading: Leading = Leading.LOOSE


@dataclass(frozen=True, slots=True)
class Span:
    """Packets `first` up to but not including `stop` of a track, in file order."""

    first: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.first

    def slice(self) -> slice:
        return slice(self.first, self.stop)


class Lends(StrEnum):
    """What a segment before the interval gives to the first one in it."""

    PICTURES = "pictures"
    SOUND = "sound"


@dataclass
class Placed:
    """A segment on the wall clock and the bounds within which it is used.

    `latest` is when the last of its pictures begins. `overlaps` says that it began before the one
    before it had ended, `cut_short` that the next one did so. `lends` says what one that lies
    before the interval is there for.
    """

    segment: SegmentMedia
    begin: int
    latest: int
    end: int
    overlaps: bool = False
    cut_short: bool = False
    lends: Lends | None = None

    @cached_property
    def times(self) -> Nanoseconds:
        """The wall times of its pictures."""
        track = self.segment.media.video
        origin = scale_one(track.summary.begin, track.time_base)
        return self.begin + scale(track.pts, track.time_base) - origin

    @property
    def is_plain(self) -> bool:
        """Say whether it begins with a keyframe that is its first picture, and hides none."""
        known = self.segment.media.video.summary
        return known.first_key == 0 and known.hidden == 0 and known.first == known.begin


def choose_segments(asked: Interval, segments: Iterable[SegmentMedia]) -> list[Placed]:
    """Put segments on the wall clock, each used up to where the next one begins.

    A segment that lies wholly inside one before it is a duplicate and left out.
    """
    length = nanoseconds(asked.duration)
    chosen: list[Placed] = []
    for segment in sorted(segments, key=lambda item: (item.begin, item.id)):
        placed = place(asked.begin, segment)
        if chosen and placed.end <= chosen[-1].end:
            continue
        if placed.end + HOLD_NS <= 0 or placed.begin >= length:
            continue
        if chosen and ends_late(chosen[-1], placed):
            chosen[-1].end = placed.begin
        elif chosen and placed.begin < chosen[-1].end:
            takes_over = first_keyframe(placed)
            if takes_over is None:
                continue
            placed.overlaps = True
            if takes_over < chosen[-1].end:
                chosen[-1].cut_short = True
                chosen[-1].end = takes_over - ROUNDING_NS
        chosen.append(placed)
    while chosen and is_spent(chosen):
        del chosen[0]
    return chosen


def ends_late(sooner: Placed, placed: Placed) -> bool:
    """Say whether segments overlap only by how long the last picture of one is said to last.

    Files tell when pictures are decoded; the last one's length is a guess where these do not come
    evenly, or out of order. The next segment is no other recording for that.
    """
    since = min(sooner.latest + 1, sooner.end - ROUNDING_NS)
    return since <= placed.begin < sooner.end


def first_keyframe(placed: Placed) -> int | None:
    """Return the wall time from which a segment can be decoded by itself, None for never."""
    if placed.is_plain:
        return placed.begin
    first = placed.segment.media.video.summary.first_key
    return max(placed.begin, int(placed.times[first])) if first >= 0 else None


def is_spent(chosen: Sequence[Placed]) -> bool:
    """Say whether the first one shows nothing: it ended before the asked begin.

    Its last picture counts while it is held until the next segment begins.
    """
    if len(chosen) > 1 and chosen[1].begin - chosen[0].end <= HOLD_NS:
        return chosen[1].begin <= 0
    return chosen[0].end <= 0


def place(zero: datetime, segment: SegmentMedia) -> Placed:
    track = segment.media.video
    begin = nanoseconds(segment.begin - zero)
    origin = scale_one(track.summary.begin, track.time_base)
    return Placed(
        segment,
        begin=begin,
        latest=begin + scale_one(track.summary.latest, track.time_base) - origin,
        end=begin + scale_one(track.summary.end, track.time_base) - origin,
    )


def spoken(placed: Placed) -> str:
    return f"segment of {placed.segment.begin:%Y-%m-%d %H:%M:%S} UTC"
