"""Which packets of which segment an interval needs. Pure; times are wall nanoseconds.

Every segment is put on the wall clock by its own begin and used up to where the next one begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np

from cameras.timeline import Interval
from exports.clock import Nanoseconds, nanoseconds, scale, scale_one
from exports.terms import HOLD, Cut
from vms.media.probe import MediaFile, Track

HOLD_NS = HOLD // timedelta(microseconds=1) * 1000
# Begins of segments are rounded to microseconds: a picture that near to one belongs to it.
ROUNDING_NS = 1000


@dataclass(frozen=True, slots=True)
class SegmentMedia:
    """One segment as the planner sees it: its row's id, when its first picture is, its packets."""

    id: int
    begin: datetime
    media: MediaFile


@dataclass(frozen=True, slots=True)
class Span:
    """Packets `first` up to but not including `stop` of a track, in file order."""

    first: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.first

    def slice(self) -> slice:
        return slice(self.first, self.stop)


@dataclass
class Placed:
    """A segment on the wall clock and the bounds within which it is used.

    `latest` is when the last of its pictures begins. `overlaps` says that it began before the one
    before it had ended, `cut_short` that the next one did so.
    """

    segment: SegmentMedia
    begin: int
    latest: int
    end: int
    overlaps: bool = False
    cut_short: bool = False

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
        if chosen and chosen[-1].end - ROUNDING_NS <= placed.begin < chosen[-1].end:
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
    if chosen and is_spent(chosen):
        del chosen[0]
    return chosen


def first_keyframe(placed: Placed) -> int | None:
    """Return the wall time from which a segment can be decoded by itself, None for never."""
    first = placed.segment.media.video.summary.first_key
    if first <= 0:
        return placed.begin if first == 0 else None
    return int(placed.times[first])


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


@dataclass(slots=True)
class Draft:
    """A slice whose place in the result is not known yet; times are wall times."""

    placed: Placed
    video: Span
    begin: int
    end: int
    shown: int


def trim(
    asked: Interval, placed: Placed, before: Draft | None, cut: Cut, warnings: list[str]
) -> Draft | None:
    """Take the packets of one segment that the interval needs, None when it needs none.

    *before* is the draft it follows, if any.
    """
    length = nanoseconds(asked.duration)
    track = placed.segment.media.video
    end = min(placed.end, length)
    if placed.is_plain and placed.begin >= 0 and placed.latest < end:
        # Used whole, as nearly all are: nothing has to be looked at packet by packet.
        return Draft(placed, Span(0, len(track)), placed.begin, end, len(track))
    first = first_packet(placed, track, warnings, continues=is_continued(before, placed))
    if first is None:
        return None
    begin = shown_begin(placed, first, cut if before is None else Cut.EXACT)
    stop = last_packet(placed, end, length, warnings)
    inside = placed.times[first:stop]
    shown = int(np.count_nonzero((inside >= begin) & (inside < end)))
    if shown == 0 or end <= begin:
        return None
    return Draft(placed, Span(first, stop), begin, end, shown)


def is_continued(before: Draft | None, placed: Placed) -> bool:
    """Say whether a decoder that comes from *before* can go on with the first packet.

    Not where segments overlap: their pictures were encoded apart.
    """
    if before is None or placed.overlaps:
        return False
    same = before.placed.segment.media.video.config == placed.segment.media.video.config
    return same and 0 <= placed.begin - before.end <= HOLD_NS


def first_packet(
    placed: Placed, track: Track, warnings: list[str], *, continues: bool
) -> int | None:
    """Find the packet decoding starts with: the last keyframe at or before the asked begin.

    A segment used from its start keeps all its packets while it continues the one before;
    otherwise pictures before its first keyframe cannot be decoded.
    """
    keys = np.flatnonzero(track.key)
    if placed.begin >= 0 and continues and not track.hidden.any():
        return 0
    if len(keys) == 0:
        warnings.append(f"{spoken(placed)}: no keyframe, left out")
        return None
    if keys[0] > 0:
        warnings.append(f"{spoken(placed)}: {int(keys[0])} pictures before its first keyframe")
    before = keys[placed.times[keys] <= max(0, placed.begin)]
    return int(before[-1]) if len(before) else int(keys[0])


def shown_begin(placed: Placed, first: int, cut: Cut) -> int:
    """Return the wall time of the first picture shown: the one on screen at the asked begin."""
    times = placed.times[first:]
    if cut is Cut.KEYFRAME:
        return int(times[0])
    on_screen = times[times <= 0]
    floor = int(times[0])  # leading pictures of an open GOP come before their keyframe
    return max(floor, int(on_screen.max())) if len(on_screen) else int(times[times >= floor].min())


def last_packet(placed: Placed, end: int, length: int, warnings: list[str]) -> int:
    """Return the packet to stop before, so that every picture that begins before *end* is in.

    Pictures that are decoded earlier than they are shown may begin after *end*. At the end of the
    file they are hidden. Where the next segment takes over, they would show through: the pictures
    stop before the first of them, and what that leaves out is said.
    """
    if not placed.cut_short or end == length:
        inside = np.flatnonzero(placed.times < end)
        return int(inside[-1]) + 1 if len(inside) else 0
    outside = np.flatnonzero(placed.times >= end)
    stop = int(outside[0]) if len(outside) else len(placed.times)
    if left_out := len(placed.times) - stop:
        warnings.append(
            f"{spoken(placed)}: {left_out} pictures left out, the next segment overlaps them"
        )
    return stop


def spoken(placed: Placed) -> str:
    return f"segment of {placed.segment.begin:%Y-%m-%d %H:%M:%S} UTC"
