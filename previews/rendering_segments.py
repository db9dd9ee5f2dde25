"""What a renderer is told of the segments it may open, and what it finds in them.

A segment is told as `{"id", "begin", "path", "sidecar"}`: `begin` in microseconds since 1970, both
paths absolute (`previews.footage` makes them).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cameras.timeline import Interval
from exports.cutting import SegmentMedia
from exports.plan import ExportPlan, make_plan
from vms.media.kept import read_with_sidecar
from vms.media.probe import UnreadableMedia

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


class Opened:
    """The segments of a job, each opened when it is first needed; the ones of no use left out."""

    def __init__(self, segments: Sequence[dict[str, Any]]) -> None:
        self.places = {place["id"]: place for place in segments}
        self.media: dict[int, SegmentMedia | None] = {}
        self.is_damaged = False

    def locate(self, segment: int) -> Path:
        return Path(self.places[segment]["path"])

    def plan(self, begin: datetime, end: datetime, **options: Any) -> ExportPlan:
        """Plan what is shown in `[begin, end)`.

        Raises:
            NoFootage: nothing is; also when all of it is damaged.
            HasGaps, CodecChanged: as `make_plan`.
        """
        return make_plan(Interval(begin, end), self.begun_before(end), **options)

    def begun_before(self, end: datetime) -> list[SegmentMedia]:
        found = [
            self.open(place) for place in self.places.values() if instant(place["begin"]) < end
        ]
        return [one for one in found if one is not None]

    def open(self, place: dict[str, Any]) -> SegmentMedia | None:
        key = place["id"]
        if key not in self.media:
            try:
                media = read_with_sidecar(Path(place["path"]), Path(place["sidecar"]))
            except UnreadableMedia:
                self.media[key], self.is_damaged = None, True
            else:
                self.media[key] = SegmentMedia(key, instant(place["begin"]), media)
        return self.media[key]

    def later_begins(self, after: datetime) -> Iterable[datetime]:
        """List where segments begin that begin after *after*, soonest first."""
        begins = (instant(place["begin"]) for place in self.places.values())
        return sorted(begin for begin in begins if begin > after)
