"""Which camera and which of its footage a PSIM order means."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from uuid import UUID

from django.conf import settings
from django.db.models import BigIntegerField, Max

from cameras.access import BEST_FIRST, blocked_ids, streams_for, visible_cameras
from cameras.models import Camera, Segment, Stream
from cameras.timeline import Interval
from exports.psim.bodies import Asked, CameraId
from exports.psim.errors import Refused, bad, missing
from vms.accounts.models import User

UNKNOWN_CAMERA = "There is no such camera."
BLOCKED_CAMERA = "Access to this camera is blocked."
NO_FOOTAGE = "There is no recorded archive in this interval."
LONGEST_ID = 64


def find_camera(user: User, camera_id: CameraId) -> Camera:
    """Find the camera that *camera_id* names, if *user* may watch it.

    Raises:
        Refused: it is unknown or somebody else's (the same), or blocked.
    """
    camera = camera_named(camera_id)
    if camera is not None and blocked_ids(user, [camera.pk]):
        raise Refused(HTTPStatus.FORBIDDEN, BLOCKED_CAMERA)
    if camera is None or not visible_cameras(user).filter(pk=camera.pk).exists():
        raise missing(UNKNOWN_CAMERA)
    return camera


def camera_named(camera_id: CameraId) -> Camera | None:
    """Find a camera by its external id, else by its uuid, else by our own id.

    What the operator wrote goes first, and for all users: an id that means one camera to one of
    them never means another one to the next.
    """
    text = text_of(camera_id)
    if not text or len(text) > LONGEST_ID or "\0" in text:
        return None
    named = Camera.objects.filter(external_id=text).first()
    if named is not None:
        return named
    if uuid := uuid_of(text):
        return Camera.objects.filter(uuid=uuid).first()
    return Camera.objects.filter(pk=int(text)).first() if is_row_id(text) else None


def text_of(camera_id: CameraId) -> str:
    """Write a number as the text that means the same: 1 and 1.0 are "1"."""
    if isinstance(camera_id, float):
        return str(int(camera_id)) if camera_id.is_integer() else ""
    if isinstance(camera_id, int) and abs(camera_id) > BigIntegerField.MAX_BIGINT:
        return ""
    return str(camera_id).strip()


def uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def is_row_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= BigIntegerField.MAX_BIGINT


def choose_footage(camera: Camera, asked: Asked, now: datetime) -> tuple[Stream, Interval]:
    """Choose the stream to export and what of it: high where it has footage, else low.

    Without an end that is the last instant that the stream has recorded by now.

    Raises:
        Refused: the interval is not one, or nothing is recorded in it.
    """
    if asked.end is None:
        stream, end = recorded_since(camera, asked.begin, now)
        return stream, checked(Interval(asked.begin, end), now)
    interval = checked(Interval(asked.begin, asked.end), now)
    choice = streams_for([camera], interval, None)[camera.pk]
    if choice.stream is None or not choice.has_footage:
        raise missing(NO_FOOTAGE)
    return choice.stream, interval


def recorded_since(camera: Camera, begin: datetime, now: datetime) -> tuple[Stream, datetime]:
    """Find the best stream with footage after *begin*, and where that ends by *now*.

    Raises:
        Refused: none has any.
    """
    streams = {stream.type: stream for stream in camera.streams.all()}
    for kind in BEST_FIRST:
        end = last_instant(streams[kind]) if kind in streams else None
        if end is not None and min(end, now) > begin:
            return streams[kind], min(end, now)
    raise missing(NO_FOOTAGE)


def last_instant(stream: Stream) -> datetime | None:
    """Return the end of a stream's archive; None when nothing is recorded.

    The segment that begins last need not be the one that ends last; two look-ups in the index.
    """
    segments = Segment.objects.filter(stream=stream)
    latest = segments.order_by("-begin").values_list("begin", flat=True).first()
    if latest is None:
        return None
    near = segments.filter(begin__gte=latest - stream.longest_segment)
    found: datetime | None = near.aggregate(end=Max("end"))["end"]
    return found


def checked(interval: Interval, now: datetime) -> Interval:
    """Return *interval* if a file may be that long.

    Raises:
        Refused: it is too long, or has an end that is still to come.
    """
    most = timedelta(seconds=settings.VMS["VMS_EXPORT_MAX_SECONDS"])
    if interval.duration > most:
        hours = most.total_seconds() / 3600
        raise bad(f"The interval must not exceed {hours:g} hours.")
    if interval.end > now:
        raise bad("To must not be in the future.")
    return interval
