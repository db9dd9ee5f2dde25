"""Which cameras a user may see, and which stream of a camera serves a purpose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Q, QuerySet

from cameras.models import Camera, CameraAccess, Segment, Stream
from cameras.timeline import Interval
from vms.accounts.models import User

BEST_FIRST = (Stream.Type.HIGH.value, Stream.Type.LOW.value)


@dataclass(frozen=True)
class StreamChoice:
    """The stream to use, None when the camera has no such stream, and whether it has footage."""

    stream: Stream | None
    has_footage: bool


def visible_cameras(user: User | AnonymousUser) -> QuerySet[Camera]:
    """Cameras *user* may watch: granted or public ones that are not blocked; staff: all.

    Nobody inherits from a parent: a sub-user sees what was granted to the sub-user.
    """
    if user.is_staff:
        return Camera.objects.all()
    public = Q(is_public=True)
    if not user.is_authenticated:
        return Camera.objects.filter(public)
    mine = CameraAccess.objects.filter(user=user, camera=OuterRef("pk"))
    return Camera.objects.filter(
        public | Exists(mine.filter(status=CameraAccess.Status.ACTIVE)),
        ~Exists(mine.filter(status=CameraAccess.Status.BLOCKED)),
    )


def blocked_ids(user: User | AnonymousUser, ids: Iterable[int]) -> set[int]:
    """Of the cameras *ids*, those that *user* was granted and are blocked now; none for staff."""
    if user.is_staff or not user.is_authenticated:
        return set()
    blocked = CameraAccess.objects.filter(
        user=user, camera_id__in=list(ids), status=CameraAccess.Status.BLOCKED
    )
    return set(blocked.values_list("camera_id", flat=True))


def choose_stream(camera: Camera, wanted: str | None) -> Stream | None:
    """Return the stream of the *wanted* type, or without one the high and then the low."""
    return first_of(list(camera.streams.all()), wanted)


def choose_stream_for(camera: Camera, interval: Interval, wanted: str | None) -> Stream | None:
    """Return the stream to export *interval* from, None when no such one has footage."""
    choice = streams_for([camera], interval, wanted)[camera.pk]
    return choice.stream if choice.has_footage else None


def streams_for(
    cameras: Iterable[Camera], interval: Interval, wanted: str | None
) -> dict[int, StreamChoice]:
    """Choose a stream for each camera by id: one with footage in *interval* if there is any.

    Without *wanted* the high one comes first, then the low. Two queries, however many cameras.
    """
    ids = [camera.pk for camera in cameras]
    streams: dict[int, list[Stream]] = {camera_id: [] for camera_id in ids}
    for stream in Stream.objects.filter(camera_id__in=ids):
        streams[stream.camera_id].append(stream)
    recorded = with_footage([one for some in streams.values() for one in some], interval)
    return {camera_id: choose(some, recorded, wanted) for camera_id, some in streams.items()}


def with_footage(streams: list[Stream], interval: Interval) -> set[int]:
    """Ids of those *streams* that have an instant of *interval* in their archive: one query."""
    if not streams:
        return set()
    # One bound for all keeps this a plain index search; the widest one misses nothing.
    longest = max(stream.longest_segment for stream in streams)
    touching = Segment.objects.filter(stream=OuterRef("pk")).touching(interval, longest)
    found = Stream.objects.filter(Exists(touching), pk__in=[stream.pk for stream in streams])
    return set(found.values_list("pk", flat=True))


def choose(streams: list[Stream], recorded: set[int], wanted: str | None) -> StreamChoice:
    best = first_of([stream for stream in streams if stream.pk in recorded], wanted)
    if best is not None:
        return StreamChoice(best, has_footage=True)
    return StreamChoice(first_of(streams, wanted), has_footage=False)


def first_of(streams: list[Stream], wanted: str | None) -> Stream | None:
    by_type = {stream.type: stream for stream in streams}
    types = (wanted,) if wanted else BEST_FIRST
    return next((by_type[one] for one in types if one in by_type), None)
