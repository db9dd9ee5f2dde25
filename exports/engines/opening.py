"""Smart cuts: what would be hidden before the first picture or behind the last is encoded anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from exports.cutting import Span
from exports.engines.base import Locate
from exports.errors import SegmentChanged
from exports.plan import ExportPlan, Opening, Slice, output_times, picture_times, shown_ticks
from exports.terms import Cut
from vms.media.mp4.entries import read_entry
from vms.media.smart.reencode import Reencoded, reencode
from vms.media.smart.source import Source, Unencodable

# Later than any tick.
NEVER = 2**62


def open_smart(plan: ExportPlan, locate: Locate, tick: Callable[[], None]) -> ExportPlan:
    """Return *plan* with the pictures before its first whole group encoded anew, and its last ones.

    The last ones are those that are decoded from pictures behind the end. A plan that hides nothing
    comes back as it is, one that cannot be done as an exact cut with a warning that says why.
    *tick* is called for each picture and may raise to stop.

    Raises:
        SegmentChanged: a segment is gone.
    """
    try:
        opened = open_begin(plan, locate, tick) if plan.lead_in_ns else plan
        last = close_slice(opened.slices[-1], entries_of(opened), locate, tick)
        return replace(opened, slices=(*opened.slices[:-1], last))
    except Unencodable as error:
        return exact(plan, error.reason)
    except OSError as error:
        begin = plan.begin
        raise SegmentChanged(
            f"The segment of {begin:%Y-%m-%d %H:%M:%S} UTC changed while it was cut."
        ) from error


def open_begin(plan: ExportPlan, locate: Locate, tick: Callable[[], None]) -> ExportPlan:
    """Encode up to where copying can begin.

    Raises:
        Unencodable: it cannot be.
    """
    slices = list(plan.slices)
    follows = False
    for number, part in enumerate(slices):
        if part.end_ns == 0:
            if len(part.video):
                raise Unencodable("its first group begins in the segment before")
            continue
        slices[number], is_copied = open_slice(part, locate, tick, follows=follows)
        if is_copied:
            break
        follows = True
    return replace(plan, slices=tuple(slices))


def entries_of(plan: ExportPlan) -> dict[str, bytes]:
    """Return the sample entries that took the place of others, by what these are to a decoder."""
    return {
        read_entry(part.opening.replaces, "video").config: part.opening.entry
        for part in plan.slices
        if part.opening is not None and part.opening.replaces is not None
    }


def exact(plan: ExportPlan, reason: str) -> ExportPlan:
    note = f"cut exactly instead of smartly, because {reason}: hidden pictures lead in"
    return replace(plan, cut=Cut.EXACT, warnings=(*plan.warnings, note))


def open_slice(
    part: Slice, locate: Locate, tick: Callable[[], None], *, follows: bool
) -> tuple[Slice, bool]:
    """Encode what has to be of one slice; says if copying goes on in it or begins behind it.

    Raises:
        Unencodable: it cannot be.
    """
    media = part.segment.media
    if media.index is None:
        raise Unencodable("the archive is not of mp4 files")
    track = media.index.tracks["video"]
    source = Source.of(locate(part.segment.id), track, part.video.first)
    begin, end = bounds(part)
    result = reencode(source, begin, end, tick=tick, follows=follows)
    is_copied = result.first_copied < len(source)
    if not is_copied and len(source) < len(part.video):
        raise Unencodable("the settings of its codec change within a segment")
    first = part.video.first + result.first_copied
    opened = replace(
        part,
        video=Span(first, max(first, part.video.stop)),
        skipped=tuple(
            number for number in part.video.first + result.skipped if number < part.video.stop
        ),
        opening=opening_of(result, source) if result.samples else None,
    )
    return opened, is_copied


def close_slice(
    part: Slice, entries: Mapping[str, bytes], locate: Locate, tick: Callable[[], None]
) -> Slice:
    """Encode the last pictures of a slice, if any are decoded from ones behind its end.

    *entries* are the sample entries that took the place of others: ours comes on top of theirs.

    Raises:
        Unencodable: they cannot be.
    """
    stop, begin = last_copied(part)
    if begin is None:
        return replace(part, video=Span(part.video.first, stop))
    media = part.segment.media
    if media.index is None:
        raise Unencodable("the archive is not of mp4 files")
    track = media.index.tracks["video"]
    keys = np.flatnonzero(media.video.key & (media.video.pts <= begin))
    if not len(keys):
        raise Unencodable("no keyframe comes before its end")
    source = Source.of(locate(part.segment.id), track, int(keys[-1]))
    joined = entries.get(read_entry(source.entry, "video").config, source.entry)
    result = reencode(replace(source, entry=joined), begin, bounds(part)[1], tick=tick, to_end=True)
    return replace(
        part,
        video=Span(part.video.first, stop),
        skipped=tuple(number for number in part.skipped if number < stop),
        closing=opening_of(result, source),
    )


def last_copied(part: Slice) -> tuple[int, int | None]:
    """Return the packet to stop copying before, and the tick from which pictures are encoded.

    All before are shown before all behind, and none of them needs one behind. No tick when none has
    to be encoded.
    """
    numbers = np.delete(
        np.arange(part.video.first, part.video.stop), np.array(part.skipped, int) - part.video.first
    )
    ticks = shown_ticks(part)
    inside = picture_times(replace(part, opening=None)) < part.end_ns
    if inside.all():
        return part.video.stop, None
    wanted = np.where(inside, ticks, NEVER)
    soonest = np.minimum.accumulate(wanted[::-1])[::-1]
    latest = np.concatenate(([-NEVER], np.maximum.accumulate(ticks)[:-1]))
    first_outside = int(np.flatnonzero(~inside)[0])
    at = int(np.flatnonzero((latest < soonest)[: first_outside + 1])[-1])
    return int(numbers[at]), int(soonest[at]) if soonest[at] < NEVER else None


def bounds(part: Slice) -> tuple[int, int]:
    """Return the tick of the first picture shown, and the one after that of the last."""
    track = part.segment.media.video
    times = output_times(part, track, part.video)
    pts = track.pts[part.video.slice()]
    shown = pts[(times >= part.at_ns) & (times < part.end_ns)]
    return int(shown.min()), int(shown.max()) + 1


def opening_of(result: Reencoded, source: Source) -> Opening:
    return Opening(
        data=b"".join(result.samples),
        size=np.array([len(sample) for sample in result.samples], np.int64),
        decoded=result.decoded,
        shown=result.pts,
        duration=result.duration,
        sync=result.sync,
        entry=result.entry,
        replaces=None if result.separate_entry else source.entry,
    )
