"""Which footage a preview is of: that of an instant, the next after it, or what is newest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import OuterRef, Subquery

from cameras.access import choose_stream
from cameras.models import Camera, Segment, Stream
from cameras.timeline import Interval
from exports.terms import HOLD
from previews.archive_footage import Shown, Wanted, find_footage

MICROSECOND = timedelta(microseconds=1)
# Footage is indexed when its segment is closed; what is newer than that is about to be.
NEWEST = timedelta(seconds=15)


@dataclass(frozen=True)
class Asked:
    """What a preview is wanted of; without `at` a live one, without a type of any stream."""

    camera: Camera
    stream_type: str | None
    at: datetime | None


@dataclass(frozen=True)
class Moment:
    """What is shown: the picture of `at`, the live one if that is None.

    `moved` says that nothing was recorded at the instant asked, and that `at` is another one.
    """

    camera: Camera
    stream: Stream
    at: datetime | None
    moved: bool = False


def find_moments(asked: Sequence[Asked]) -> list[Moment | None]:
    """Find what to show, in the order asked; the cameras have their streams loaded.

    Where nothing is recorded at the instant it is the next footage there is; behind the end of
    the archive, while more may be about to come, the last picture. None where there is neither.
    """
    dated = [(one, wanted_of(one, one.at)) for one in asked if one.at is not None]
    shown = iter(find_footage([wanted for _, wanted in dated]))
    found = [live(one) if one.at is None else moment_of(one, one.at, next(shown)) for one in asked]
    late = [one for one, moment in zip(asked, found, strict=True) if moment is None and one.at]
    ends = newest_ends(stream for one in late for stream in streams_of(one))
    return [
        last_picture(one, one.at, ends) if moment is None and one.at else moment
        for one, moment in zip(asked, found, strict=True)
    ]


def wanted_of(one: Asked, at: datetime) -> Wanted:
    return Wanted(one.camera, one.stream_type, Interval(at, at + HOLD))


def live(one: Asked) -> Moment | None:
    stream = choose_stream(one.camera, one.stream_type)
    return None if stream is None else Moment(one.camera, stream, None)


def moment_of(one: Asked, at: datetime, shown: Shown | None) -> Moment | None:
    if shown is None:
        return None
    # Between two segments the last picture stays for a moment.
    if shown.at - at <= HOLD:
        return Moment(one.camera, shown.stream, at)
    return Moment(one.camera, shown.stream, shown.at, moved=True)


def last_picture(one: Asked, at: datetime, ends: Mapping[int, datetime]) -> Moment | None:
    recorded = [stream for stream in streams_of(one) if stream.pk in ends]
    stream = max(recorded, key=lambda stream: ends[stream.pk], default=None)
    if stream is None or at - ends[stream.pk] > NEWEST:
        return None
    return Moment(one.camera, stream, ends[stream.pk] - MICROSECOND, moved=True)


def streams_of(one: Asked) -> list[Stream]:
    return [s for s in one.camera.streams.all() if one.stream_type in {None, s.type}]


def newest_ends(streams: Iterable[Stream]) -> dict[int, datetime]:
    """Return by stream where its newest segment ends: one query."""
    keys = [stream.pk for stream in streams]
    if not keys:
        return {}
    newest = Segment.objects.filter(stream=OuterRef("pk")).order_by("-begin", "-end")
    rows = Stream.objects.filter(pk__in=keys).values_list("pk", Subquery(newest.values("end")[:1]))
    return {pk: end for pk, end in rows if end is not None}
