"""What the first moment of an interval needs of segments before it. Pure.

Recorders that cut by the clock begin segments within a group of pictures, those that cut an open
group begin with pictures that need the one before, and a packet of sound reaches over the begin
of a segment. What lies before the interval is decoded and not shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from cameras.timeline import Interval
from exports.clock import scale_one
from exports.cutting import (
    HOLD_NS,
    Lends,
    Placed,
    SegmentMedia,
    choose_segments,
    ends_late,
    first_keyframe,
    place,
)
from exports.terms import HOLD, Cut
from vms.media.keyframes import Leading

# So many segments may lie between a keyframe and the interval.
MOST = 64


def lenders(
    chosen: Sequence[Placed], asked: Interval, before: Iterable[SegmentMedia], cut: Cut
) -> list[Placed]:
    """Choose what of *before* is to go before the segments *chosen* for *asked*, by time.

    Nothing where they do not reach back to a keyframe without a break.
    """
    if not chosen:
        return []
    found = Chain(asked, before)
    if needs_pictures(chosen[0]):
        found.reach_back(chosen[0])
        if not found.is_whole:
            found = Chain(asked, before)
    first = found.shown_first(chosen[0], cut)
    if first is None or (begin := silent_begin(first, cut)) is None:
        return found.placed
    pictures = list(found.placed)
    found.reach(first)
    sooner = found.placed[: len(found.placed) - len(pictures)]
    return [*(one for one in sooner if lends_sound(one, first, begin)), *pictures]


def wanted_before(
    asked: Interval, segments: Iterable[SegmentMedia], before: Sequence[SegmentMedia], cut: Cut
) -> datetime | None:
    """Return the begin of the segment whose predecessor has to be looked for, None for none.

    *before* are those found so far.
    """
    chosen = choose_segments(asked, (one for one in segments if one.begin <= asked.begin + HOLD))
    if not chosen:
        return None
    found = Chain(asked, before)
    if needs_pictures(chosen[0]):
        found.reach_back(chosen[0])
        if not found.is_whole:
            return None if found.is_broken else found.earliest(chosen[0]).segment.begin
    first = found.shown_first(chosen[0], cut)
    if first is None or silent_begin(first, cut) is None:
        return None
    count = len(found.placed)
    found.reach(first)
    is_there = len(found.placed) > count
    return None if is_there or found.is_broken else first.segment.begin


class Chain:
    """Segments that follow one another up to the first one of an interval, latest found first."""

    def __init__(self, asked: Interval, before: Iterable[SegmentMedia]) -> None:
        self.earlier = sorted(
            (place(asked.begin, one) for one in before), key=lambda placed: placed.begin
        )
        self.placed: list[Placed] = []
        self.is_whole = False
        self.is_broken = False

    def earliest(self, first: Placed) -> Placed:
        return self.placed[0] if self.placed else first

    def shown_first(self, first: Placed, cut: Cut) -> Placed | None:
        """Return the segment whose pictures are the first ones shown, if it may lack sound.

        Pictures of segments before *first* bring their own, and are shown from the keyframe on
        only where the cut is there.
        """
        if not self.placed:
            return first
        return self.placed[0] if cut is Cut.KEYFRAME else None

    def reach_back(self, first: Placed) -> None:
        """Go back from *first* to a segment with a keyframe, as far as there are any."""
        while not self.is_whole and not self.is_broken and len(self.placed) < MOST:
            count = len(self.placed)
            self.reach(first)
            if len(self.placed) == count:
                return
            self.is_whole = self.placed[0].segment.media.video.summary.first_key >= 0

    def reach(self, first: Placed) -> None:
        """Take one more, the one right before the earliest so far."""
        later = self.earliest(first)
        sooner = [one for one in self.earlier if one.begin < later.begin]
        if not sooner:
            return
        found = sooner[-1]
        if not follows(found, later):
            self.is_broken = True
            return
        found.end = min(found.end, later.begin)
        found.lends = Lends.PICTURES
        self.placed.insert(0, found)


def follows(sooner: Placed, later: Placed) -> bool:
    """Say whether a decoder can go on from one segment to the other."""
    video, other = sooner.segment.media.video, later.segment.media.video
    hides = sooner.latest >= sooner.end
    near = 0 <= later.begin - sooner.end <= HOLD_NS or ends_late(sooner, later)
    return near and not hides and not later.overlaps and video.config == other.config


def needs_pictures(first: Placed) -> bool:
    """Say whether the picture on screen at the begin needs some of the segment before."""
    if first.is_plain or first.begin > 0:
        return False
    key = first_keyframe(first)
    begin = int(first.times[first.times <= 0].max())
    if key is None:
        return True
    known = first.segment.media.video.summary
    is_closed = known.first_key == 0 and first.segment.leading is Leading.CLOSED
    return begin < key and not is_closed


def silent_begin(first: Placed, cut: Cut) -> int | None:
    """Return the wall time of the first picture if the sound of its segment begins only later."""
    audio = first.segment.media.audio
    if audio is None or first.begin > 0:
        return None
    sound = sound_time(first, audio.summary.first)
    if sound <= first.begin:
        return None
    keys = first.times[first.segment.media.video.key]
    times = keys if cut is Cut.KEYFRAME else first.times
    times = times[(times <= 0) & (times >= first.begin)]
    begin = int(times.max()) if len(times) else first.begin
    return begin if begin < sound else None


def lends_sound(sooner: Placed, first: Placed, begin: int) -> bool:
    """Say whether the sound of *sooner* reaches past *begin*, and turn it into one that lends it.

    One of another kind than *first* would take the plan to another engine.
    """
    own, other = first.segment.media, sooner.segment.media
    if own.audio is None or other.audio is None or own.audio.config != other.audio.config:
        return False
    if (own.index is None) != (other.index is None):
        return False
    sooner.lends = Lends.SOUND
    return sound_time(sooner, other.audio.summary.end) > begin


def sound_time(placed: Placed, ticks: int) -> int:
    """Return the wall time of an instant on the clock of a segment's sound."""
    media = placed.segment.media
    zero = placed.begin - scale_one(media.video.summary.begin, media.video.time_base)
    return zero + scale_one(ticks, media.audio.time_base) if media.audio else zero
