"""Smart cuts: what would be hidden before the first picture is encoded anew instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from exports.cutting import Span
from exports.engines.base import Locate
from exports.errors import SegmentChanged
from exports.plan import ExportPlan, Opening, Slice, output_times
from exports.terms import Cut
from vms.media.smart.reencode import Reencoded, reencode
from vms.media.smart.source import Source, Unencodable


def open_smart(plan: ExportPlan, locate: Locate, tick: Callable[[], None]) -> ExportPlan:
    """Return *plan* with the pictures before its first whole group encoded anew.

    A plan that hides nothing comes back as it is, one that cannot be done as an exact cut with a
    warning that says why. *tick* is called for each picture and may raise to stop.

    Raises:
        SegmentChanged: a segment is gone.
    """
    if plan.lead_in_ns == 0:
        return plan
    slices = list(plan.slices)
    follows = False
    try:
        for number, part in enumerate(slices):
            slices[number], is_copied = open_slice(part, locate, tick, follows=follows)
            if is_copied:
                break
            follows = True
    except Unencodable as error:
        return exact(plan, error.reason)
    except OSError as error:
        begin = plan.begin
        raise SegmentChanged(
            f"The segment of {begin:%Y-%m-%d %H:%M:%S} UTC changed while it was cut."
        ) from error
    return replace(plan, slices=tuple(slices))


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


def bounds(part: Slice) -> tuple[int, int]:
    """Return the tick of the first picture shown, and that of the first behind the slice's end."""
    track = part.segment.media.video
    times = output_times(part, track, part.video)
    pts = track.pts[part.video.slice()]
    behind = pts[times >= part.end_ns]
    end = int(behind.min()) if len(behind) else int(pts.max()) + 1
    return int(pts[times >= part.at_ns].min()), end


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
