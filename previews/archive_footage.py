"""What of an interval the archive has: which stream to link to, and where its footage begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from django.db.models import Case, DateTimeField, OuterRef, Subquery, Value, When

from cameras.access import BEST_FIRST
from cameras.models import EARLIEST, Camera, Segment, Stream
from cameras.timeline import Interval

INSTANT = DateTimeField()


@dataclass(frozen=True)
class Wanted:
    """An interval of a camera's archive; of a stream of that type, or of whichever has footage."""

    camera: Camera
    stream_type: str | None
    interval: Interval


@dataclass(frozen=True)
class Shown:
    """What is there: `at` is its first instant, `interval` what a link to it shows."""

    stream: Stream
    asked: Interval
    interval: Interval
    at: datetime


def find_footage(wanted: Sequence[Wanted]) -> list[Shown | None]:
    """Find what to show of each interval: footage in it, else the next after it, as long.

    None where nothing was recorded in it or later. Two queries, and two more for each time that
    the same camera is asked for again.
    """
    found: list[Shown | None] = [None] * len(wanted)
    for numbers in rounds([one.camera.pk for one in wanted]):
        some = {wanted[number].camera.pk: wanted[number] for number in numbers}
        streams = streams_with_first(some)
        for number in numbers:
            found[number] = best(wanted[number], streams.get(wanted[number].camera.pk, []))
    return found


def rounds(cameras: Sequence[int]) -> Iterable[list[int]]:
    """Group the numbers of *cameras* so that none is in a group twice."""
    times = [cameras[:number].count(camera) for number, camera in enumerate(cameras)]
    order = sorted(range(len(cameras)), key=times.__getitem__)
    return (list(some) for _, some in groupby(order, key=times.__getitem__))


def streams_with_first(wanted: dict[int, Wanted]) -> dict[int, list[tuple[Stream, datetime]]]:
    """List by camera the streams that have footage from its interval's begin on, and from when."""
    streams = list(
        Stream.objects.select_related("camera")
        .filter(camera__in=list(wanted))
        .order_by("camera_id", "type")
    )
    begins = {one.pk: wanted[one.camera_id].interval.begin for one in streams}
    # No segment is longer, so the index is searched from here on.
    since = {
        one.pk: begins[one.pk] - min(one.longest_segment, begins[one.pk] - EARLIEST)
        for one in streams
    }
    first = Segment.objects.filter(
        stream=OuterRef("pk"), begin__gt=OuterRef("since"), end__gt=OuterRef("wanted")
    ).order_by("begin")
    rows = (
        Stream.objects.filter(pk__in=list(begins))
        .annotate(since=by_key(since), wanted=by_key(begins))
        .annotate(first=Subquery(first.values("begin")[:1]))
        .values_list("pk", "first")
        if begins
        else ()
    )
    firsts = dict(rows)
    found: dict[int, list[tuple[Stream, datetime]]] = {}
    for stream in streams:
        if (begin := firsts.get(stream.pk)) is not None:
            found.setdefault(stream.camera_id, []).append((stream, max(begin, begins[stream.pk])))
    return found


def by_key(instants: dict[int, datetime]) -> Case:
    whens = [When(pk=pk, then=Value(moment, INSTANT)) for pk, moment in instants.items()]
    return Case(*whens, output_field=INSTANT)


def best(wanted: Wanted, streams: Sequence[tuple[Stream, datetime]]) -> Shown | None:
    """Choose among streams with footage: one that has it in the interval, the best type first."""
    asked = wanted.interval
    usable = [pair for pair in streams if wanted.stream_type in {None, pair[0].type}]
    if not usable:
        return None
    stream, at = min(
        usable,
        key=lambda pair: (
            max(pair[1], asked.end) if pair[1] >= asked.end else asked.begin,
            BEST_FIRST.index(pair[0].type),
        ),
    )
    if at < asked.end:
        return Shown(stream, asked, asked, at)
    return Shown(stream, asked, Interval(at, at + asked.duration), at)
