"""From a link that was followed to what has to be rendered for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from cameras.archive.index import FoundSegment, OutsideFolder, Places, segments_touching
from cameras.archive.sidecars import sidecar_path
from cameras.models import Stream
from cameras.timeline import Interval
from exports.terms import HOLD
from previews.errors import CannotRender
from previews.preview_moments import MICROSECOND, NEWEST, newest_ends
from previews.rendering_once import Order
from previews.signing import Grant, micros

PICTURE = "previews.rendering_pictures:render_picture"
CLIP = "previews.rendering_clips:render_clip"
PULLED_PICTURE = "previews.rendering_live:pull_picture"
PULLED_CLIP = "previews.rendering_live:pull_clip"
# Where the very picture is damaged, one so much later may stand for it.
NEAR = timedelta(seconds=10)
# What is decoded for the first moment may begin as much earlier, in other segments.
LEAD = timedelta(seconds=30)
# A picture pulled from a camera serves everybody for so long.
PULLED_SECONDS = 5
NOTHING = "There is no footage at this time any more; ask for another link."
NOT_LIVE = "The camera delivers no picture at the moment."
# Addresses a renderer can open; the pictures of a demo camera are made by its recorder.
PULLED = ("rtsp:", "rtsps:", "http:", "https:", "file:")


@dataclass(frozen=True)
class Wish:
    """What a link may add to itself: `?w=`, how wide the picture is at most; `?codec=copy`."""

    width: int | None = None
    keeps_codec: bool = False


@dataclass(frozen=True)
class Draft:
    """An order that names its result; where its segments lie is told before it is rendered."""

    order: Order
    stream: Stream
    found: tuple[FoundSegment, ...] = ()

    def complete(self) -> Order:
        """Return the order as a renderer needs it: two queries."""
        if not self.found:
            return self.order
        segments = list(told(self.stream, self.found))
        return replace(self.order, arguments={**self.order.arguments, "segments": segments})


def told(stream: Stream, found: Sequence[FoundSegment]) -> Iterator[dict[str, Any]]:
    """Tell of segments, and of those before them, as `previews.rendering_segments` reads it."""
    if not found:
        return
    places, begin = Places(stream), found[0].begin
    known = {row.id for row in found}
    for row in [*segments_touching(stream, Interval(begin - LEAD, begin)), *found]:
        with suppress(OutsideFolder):
            yield {
                "id": row.id,
                "begin": micros(row.begin),
                "path": str(places.path_of(row)),
                "sidecar": str(sidecar_path(row.folder_id, row.path)),
                "lends": row.id not in known,
            }


def draft_of(grant: Grant, stream: Stream, wish: Wish, now: datetime) -> Draft:
    """Say what to render for *grant*: two queries at most.

    Raises:
        CannotRender: there is nothing to be shown.
    """
    if grant.begin is not None:
        span = NEAR if grant.source == "jpg" else clip_length()
        return recorded(grant.source, stream, grant.begin, span, wish)
    newest = newest_ends([stream]).get(stream.pk)
    if newest is None or now - newest > NEWEST:
        return pulled(grant.source, stream, wish, now)
    if grant.source == "jpg":
        return recorded("jpg", stream, newest - MICROSECOND, MICROSECOND, wish)
    return recorded("mp4", stream, newest - clip_length(), clip_length(), wish)


def clip_length() -> timedelta:
    return timedelta(seconds=settings.VMS["VMS_PREVIEW_CLIP_SECONDS"])


def recorded(source: str, stream: Stream, at: datetime, span: timedelta, wish: Wish) -> Draft:
    """Order what was recorded of `[at, at + span)`.

    Raises:
        CannotRender: nothing was.
    """
    found = tuple(segments_touching(stream, Interval(at - HOLD, at + span)))
    if not found:
        raise CannotRender(NOTHING)
    # What lies there, not the ids of rows: those begin anew with the database, the results stay.
    lies = tuple((row.folder_id, row.path, row.size, micros(row.begin)) for row in found)
    facts = (stream.uuid.hex, micros(at), lies)
    if source == "jpg":
        how: dict[str, Any] = {"width": wish.width}
        job = PICTURE
    else:
        how = {"seconds": span.total_seconds(), "keeps_codec": wish.keeps_codec}
        job = CLIP
    order = Order(job, source, (*facts, *how.values()), {"at": micros(at), **how})
    return Draft(order, stream, found)


def pulled(source: str, stream: Stream, wish: Wish, now: datetime) -> Draft:
    """Order what the camera delivers now; who asks within a few seconds gets the same.

    Raises:
        CannotRender: it is one that cannot be asked.
    """
    if not (stream.is_enabled and stream.url.startswith(PULLED)):
        raise CannotRender(NOT_LIVE)
    # The rest is for encoding.
    limit = settings.VMS["VMS_PREVIEW_SECONDS"] * 0.7
    if source == "jpg":
        job, turn = PULLED_PICTURE, PULLED_SECONDS
        how: dict[str, Any] = {"width": wish.width}
    else:
        length = min(clip_length().total_seconds(), limit)
        job, turn = PULLED_CLIP, max(PULLED_SECONDS, round(length))
        how = {"length": length, "keeps_codec": wish.keeps_codec}
    facts = (stream.uuid.hex, stream.url, int(now.timestamp()) // turn, *how.values())
    told = {"url": stream.url, "seconds": limit, **how}
    name = f"{stream.uuid.hex}.{source}"
    return Draft(Order(job, source, facts, told, pulls=True, fails_as=name), stream)
