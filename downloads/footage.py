"""What the archive's index says of an interval, added up inside the database: three queries.

However many segments there are, only stretches, sums and the segments at the edges leave it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, FloatField, Func, Max, Min, Q, RowRange, Sum, Window

from cameras.models import Segment, SegmentQuerySet, Stream
from cameras.timeline import Interval, merge
from exports.terms import HOLD

# SQLite's days are floats of some 40 microseconds: a little too many are let through and merged.
ROUNDING_SECONDS = 0.002


class SecondsBetween(Func):
    """Seconds from the second instant to the first, where the database can count them fast."""

    output_field = FloatField()
    arity = 2

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = "((julianday(%(expressions)s)) * 86400)"
        return super().as_sql(
            compiler, connection, template=template, arg_joiner=") - julianday(", **extra
        )

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = "EXTRACT(EPOCH FROM (%(expressions)s))"
        return super().as_sql(compiler, connection, template=template, arg_joiner=" - ", **extra)


@dataclass
class Footage:
    """What one stream has in an interval; `size` in bytes of the part inside, about.

    Codecs with the instant they come up at, in that order. `covered` joins what is no further
    apart than a picture is held.
    """

    covered: list[Interval] = field(default_factory=list)
    size: float = 0.0
    seconds: float = 0.0
    video: dict[str, datetime] = field(default_factory=dict)
    audio: dict[str, datetime] = field(default_factory=dict)

    def settle(self) -> None:
        """Count what was recorded twice once: then there are more seconds than time."""
        seconds = sum(part.duration.total_seconds() for part in self.covered)
        if self.seconds > seconds:
            self.size *= seconds / self.seconds
        self.seconds = seconds


def footage_of(streams: Sequence[Stream], interval: Interval) -> dict[int, Footage]:
    """Add up the segments of *streams* in *interval*, by the id of the stream."""
    found = {stream.pk: Footage() for stream in streams}
    # One bound for all keeps this a plain index search; the widest one misses nothing.
    longest = max((stream.longest_segment for stream in streams), default=timedelta())
    touching = Segment.objects.filter(stream__in=list(found)).touching(interval, longest)
    add_covered(found, touching, interval, add_sums(found, touching))
    take_off_edges(found, touching, interval)
    for one in found.values():
        one.settle()
    return found


def add_sums(found: dict[int, Footage], touching: SegmentQuerySet) -> dict[int, datetime]:
    """Add sizes and codecs; returns where each stream's footage ends."""
    ends: dict[int, datetime] = {}
    rows = (
        touching.order_by()
        .values_list("stream_id", "video_codec", "audio_codec")
        .annotate(
            first=Min("begin"),
            last=Max("end"),
            bytes=Sum("size"),
            seconds=Sum(SecondsBetween("end", "begin")),
        )
    )
    for stream_id, video, audio, begin, end, size, seconds in sorted(rows, key=lambda row: row[3]):
        one = found[stream_id]
        one.size += size
        one.seconds += seconds
        one.video.setdefault(video, begin)
        if audio:
            one.audio.setdefault(audio, begin)
        ends[stream_id] = max(end, ends.get(stream_id, end))
    return ends


def add_covered(
    found: dict[int, Footage],
    touching: SegmentQuerySet,
    interval: Interval,
    ends: dict[int, datetime],
) -> None:
    """Add the stretches: one begins where all that began before has ended, `reach`."""
    reach = Window(
        Max("end"),
        partition_by=[F("stream_id")],
        order_by=[F("begin").asc(), F("id").asc()],
        frame=RowRange(start=None, end=-1),
    )
    hole = HOLD.total_seconds() - ROUNDING_SECONDS
    begins = (
        touching.order_by("stream_id", "begin", "id")
        .annotate(reach=reach, hole=SecondsBetween("begin", "reach"))
        .filter(Q(reach=None) | Q(hole__gt=hole))
        .values_list("stream_id", "begin", "reach")
    )
    stretches: dict[int, list[tuple[datetime, datetime]]] = {}
    for stream_id, begin, reached in begins:
        some = stretches.setdefault(stream_id, [])
        if some:
            some[-1] = (some[-1][0], reached)
        some.append((begin, ends[stream_id]))
    for stream_id, some in stretches.items():
        parts = merge((Interval(*pair) for pair in some), HOLD)
        clipped = (part.clip(interval) for part in parts)
        found[stream_id].covered = [part for part in clipped if part is not None]


def take_off_edges(
    found: dict[int, Footage], touching: SegmentQuerySet, interval: Interval
) -> None:
    """Take off what segments at the edges hold outside of the interval: its share of their time."""
    outside = Q(begin__lt=interval.begin) | Q(end__gt=interval.end)
    rows = touching.filter(outside).values_list("stream_id", "begin", "end", "size")
    for stream_id, begin, end, size in rows:
        inside = Interval(max(begin, interval.begin), min(end, interval.end)).duration
        found[stream_id].size -= size * (1 - inside / (end - begin))
        found[stream_id].seconds -= (end - begin - inside).total_seconds()
