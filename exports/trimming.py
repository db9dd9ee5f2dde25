"""Which packets of a segment an interval needs. Pure; times are wall nanoseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cameras.timeline import Interval
from exports.clock import Nanoseconds, nanoseconds
from exports.cutting import HOLD_NS, Lends, Placed, Span, spoken
from exports.terms import Cut
from vms.media.keyframes import Leading

NONE: Nanoseconds = np.empty(0, np.int64)


@dataclass(slots=True)
class Draft:
    """A slice whose place in the result is not known yet; times are wall times.

    It takes the packets of `video` but for those `skipped`, and shows `shown` pictures. `hides`
    says that others among them have to be decoded before its begin.
    """

    placed: Placed
    video: Span
    begin: int
    end: int
    shown: int
    skipped: tuple[int, ...] = ()
    hides: bool = False


def draft_all(
    asked: Interval, placed: Sequence[Placed], cut: Cut, warnings: list[str]
) -> list[Draft]:
    """Trim segment after segment; nothing comes of those that show nothing.

    Those that only lend to the first one are at its begin.
    """
    drafts: list[Draft] = []
    for item in placed:
        draft = trim(asked, item, drafts[-1] if drafts else None, cut, warnings)
        if draft is not None:
            drafts.append(draft)
    shown = next((number for number, draft in enumerate(drafts) if draft.shown), len(drafts))
    for draft in drafts[:shown]:
        if shown < len(drafts):
            draft.begin = draft.end = drafts[shown].begin
    return drafts if shown < len(drafts) else []


def trim(
    asked: Interval, placed: Placed, before: Draft | None, cut: Cut, warnings: list[str]
) -> Draft | None:
    """Take the packets of one segment that the interval needs, None when it needs none.

    *before* is the draft it follows, if any.
    """
    length = nanoseconds(asked.duration)
    end = min(placed.end, length)
    if placed.is_plain and placed.begin >= 0 and placed.latest < end:
        # Used whole, as nearly all are: nothing has to be looked at packet by packet.
        whole = Span(0, len(placed.segment.media.video))
        return Draft(placed, whole, placed.begin, end, len(whole))
    if placed.lends is Lends.SOUND or (placed.lends and cut is not Cut.KEYFRAME):
        return lent(placed)
    continues = is_continued(before, placed)
    first = first_packet(placed, warnings, continues=continues)
    if first is None:
        return None
    leading = NONE if continues else orphans(placed, first)
    follows = before is not None and before.shown > 0
    begin = shown_begin(placed, first, leading, cut, follows=follows)
    span = Span(first, last_packet(placed, begin, end, length, warnings))
    if end <= begin or not len(span):
        return None
    return draft_of(placed, span, (begin, end), leading, warnings, follows=follows)


def draft_of(
    placed: Placed,
    span: Span,
    bounds: tuple[int, int],
    leading: Nanoseconds,
    warnings: list[str],
    *,
    follows: bool,
) -> Draft | None:
    """Draft what of *span* is shown within *bounds*, None when that is nothing.

    Pictures that are not shown are hidden before the begin of the file; those that cannot be
    decoded are skipped if nothing depends on them. Where others are shown before (*follows*), they
    would have to be hidden midway: a decoder also takes the order of an open group for that of
    what it has seen before, so leaving them out is not enough.
    """
    begin, end = bounds
    times = placed.times[span.slice()]
    shown = int(np.count_nonzero((times >= begin) & (times < end)))
    if shown == 0:
        return None
    say_lost(placed, leading, begin, warnings, follows=follows)
    is_known = span.first == placed.segment.media.video.summary.first_key
    can_skip = is_known and placed.segment.leading is Leading.LOOSE and not follows
    skipped = leading[leading < span.stop] if can_skip else NONE
    hides = follows and bool((times < begin).any())
    return Draft(placed, span, begin, end, shown, tuple(skipped.tolist()), hides)


def lent(placed: Placed) -> Draft:
    """Draft what a segment before the interval lends: its last group of pictures, or sound."""
    keys = np.flatnonzero(placed.segment.media.video.key)
    stop = len(placed.segment.media.video)
    first = int(keys[-1]) if len(keys) else 0
    span = Span(first, stop) if placed.lends is Lends.PICTURES else Span(0, 0)
    return Draft(placed, span, placed.end, placed.end, shown=0)


def is_continued(before: Draft | None, placed: Placed) -> bool:
    """Say whether a decoder that comes from *before* can go on with the first packet.

    Not where segments overlap: their pictures were encoded apart.
    """
    if before is None or placed.overlaps:
        return False
    video = before.placed.segment.media.video
    if not len(before.video) or before.video.stop < len(video):
        return False
    same = video.config == placed.segment.media.video.config
    return same and 0 <= placed.begin - before.end <= HOLD_NS


def first_packet(placed: Placed, warnings: list[str], *, continues: bool) -> int | None:
    """Find the packet decoding starts with: the last keyframe at or before the asked begin.

    A segment keeps all its packets while it continues the one before; otherwise pictures before
    its first keyframe cannot be decoded.
    """
    track = placed.segment.media.video
    if continues and not track.hidden.any():
        return 0
    keys = np.flatnonzero(track.key)
    if len(keys) == 0:
        warnings.append(f"{spoken(placed)}: no keyframe, left out")
        return None
    before = keys[placed.times[keys] <= max(0, placed.begin)]
    if len(before):
        return int(before[-1])
    if keys[0] > 0:
        warnings.append(f"{spoken(placed)}: {int(keys[0])} pictures before its first keyframe")
    return int(keys[0])


def orphans(placed: Placed, first: int) -> Nanoseconds:
    """List the pictures that need one before the keyframe *first*: decoded after, shown before it.

    In a closed group these need the keyframe alone.
    """
    is_closed = placed.segment.leading is Leading.CLOSED
    if is_closed and first == placed.segment.media.video.summary.first_key:
        return NONE
    times = placed.times[first:]
    return np.flatnonzero(times < times[0]) + first


def shown_begin(
    placed: Placed, first: int, leading: Nanoseconds, cut: Cut, *, follows: bool
) -> int:
    """Return the wall time of the first picture shown.

    That is the one on screen at the asked begin, or of all that can be where others are shown
    before (*follows*).
    """
    times = placed.times[first:]
    if cut is Cut.KEYFRAME and not follows:
        return int(times[0])
    usable = np.delete(times, leading - first)
    usable = usable[usable >= placed.begin]
    if not len(usable):
        return int(times[0])
    past = usable[usable <= 0]
    return int(past.max()) if len(past) and not follows else int(usable.min())


def say_lost(
    placed: Placed, leading: Nanoseconds, begin: int, warnings: list[str], *, follows: bool
) -> None:
    """Say how many of the pictures that cannot be decoded would have been shown."""
    times = placed.times[leading]
    times = times[(times >= placed.begin) & (times < begin)]
    on_screen = times[times <= 0]
    if not follows and begin <= 0:
        return
    if not follows and len(on_screen):
        times = times[times >= on_screen.max()]
    if len(times):
        warnings.append(f"{spoken(placed)}: {len(times)} pictures need the one before, left out")


def last_packet(placed: Placed, begin: int, end: int, length: int, warnings: list[str]) -> int:
    """Return the packet to stop before, so that every picture shown from *begin* to *end* is in.

    Pictures that are decoded earlier than they are shown may begin after *end*. At the end of the
    file they are hidden. Where the next segment takes over, they would show through: the pictures
    stop before the first of them, and what that leaves out is said.
    """
    if end == length:
        inside = np.flatnonzero((placed.times >= begin) & (placed.times < end))
        return int(inside[-1]) + 1 if len(inside) else 0
    outside = np.flatnonzero(placed.times >= end)
    stop = int(outside[0]) if len(outside) else len(placed.times)
    left_out = placed.times[stop:]
    if placed.cut_short and len(left_out):
        warnings.append(
            f"{spoken(placed)}: {len(left_out)} pictures left out, the next segment overlaps them"
        )
    elif lost := int(np.count_nonzero(left_out < end)):
        warnings.append(f"{spoken(placed)}: {lost} pictures need hidden ones, left out")
    return stop
