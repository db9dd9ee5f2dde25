"""One picture of the archive, the very one on screen at an instant, as a JPEG file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import av

from cameras.timeline import Interval
from exports.engines.decoded import ROUNDING_NS
from exports.errors import ExportError, NoFootage
from exports.plan import ExportPlan, Slice, picture_times
from exports.terms import HOLD
from previews.errors import CannotRender
from previews.rendering_frames import Picture, pictures_until
from previews.rendering_jpeg import encode_jpeg
from previews.rendering_segments import Opened, instant
from vms.media.smart.source import Unencodable

NOTHING = "There is no footage at this time; choose another one."
DAMAGED = "The recording is damaged here; choose another time."
MICROSECOND = timedelta(microseconds=1)
# No camera's picture has more points; one that claims to would fill memory.
MOST_POINTS = 2**26


def render_picture(
    *, segments: list[dict[str, Any]], at: int, width: int | None, target: str
) -> dict[str, Any]:
    """Write the picture on screen *at* (microseconds since 1970) to *target*.

    Where none is, or none that can be decoded, it is the first picture of the next of *segments*.
    Returns `{"at": when it was taken, in microseconds}`.

    Raises:
        CannotRender: none of them has one.
    """
    opened = Opened(segments)
    for moment in (instant(at), *opened.later_begins(instant(at))):
        try:
            plan = opened.plan(Interval(moment, moment + HOLD + MICROSECOND))
            picture = first_picture(plan, opened)
        except NoFootage:
            continue
        except (ExportError, Unencodable, CannotRender, av.FFmpegError, OSError, ValueError):
            opened.is_damaged = True
            continue
        Path(target).write_bytes(encode_jpeg(picture.frame, width, picture.shape))
        return {"at": round(plan.begin.timestamp() * 1e6)}
    raise CannotRender(DAMAGED if opened.is_damaged else NOTHING)


def warm() -> None:
    """Do nothing: the libraries are loaded by then."""


def first_picture(plan: ExportPlan, opened: Opened) -> Picture:
    """Decode the first picture *plan* shows; where it is damaged, the nearest good one before it.

    Raises:
        CannotRender: neither can be decoded.
        SegmentChanged, Unencodable, OSError: a segment is not what it was.
    """
    parts = parts_of(plan)
    media = parts[-1].segment.media
    if media.width * media.height > MOST_POINTS:
        raise CannotRender(DAMAGED)
    shown = picture_times(parts[-1])
    at = int(shown[shown >= parts[-1].at_ns].min())
    # What is left out at first may be the nearest one where the very picture is damaged.
    for is_lean in (True, False):
        found = nearest(pictures_until(parts, opened.locate, at, is_lean=is_lean), at)
        if found is not None and (is_at(found, at) or not is_lean):
            return found
    raise CannotRender(DAMAGED)


def parts_of(plan: ExportPlan) -> list[Slice]:
    """List the slices that have to be decoded for the first picture; the last one shows it."""
    parts: list[Slice] = []
    for part in plan.slices:
        if len(part.video):
            parts.append(part)
        if part.end_ns > part.at_ns:
            break
    return parts


def nearest(pictures: Iterable[Picture], at: int) -> Picture | None:
    """Return the picture shown at output time *at*, or the last good one before it."""
    found: Picture | None = None
    for picture in pictures:
        if is_at(picture, at):
            return picture
        if picture.at < at and (found is None or found.at < picture.at):
            found = picture
    return found


def is_at(picture: Picture, at: int) -> bool:
    return abs(picture.at - at) <= ROUNDING_NS
