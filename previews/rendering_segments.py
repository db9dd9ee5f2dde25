"""What a renderer is told of the segments it may open, and what it finds in them.

A segment is told as `{"id", "begin", "path", "sidecar", "lends"}`: `begin` in microseconds since
1970, both paths absolute; one that `lends` lies before the interval and is opened only where its
first moment cannot be shown without (`previews.preview_orders` tells them).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cameras.timeline import Interval
from exports.cutting import SegmentMedia
from exports.lending import wanted_before
from exports.plan import ExportPlan, make_plan
from exports.terms import Cut
from vms.media.kept import read_with_sidecar
from vms.media.keyframes import leading_pictures
from vms.media.probe import UnreadableMedia

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


class Opened:
    """The segments of a job, each opened when it is first needed; the ones of no use left out."""

    def __init__(self, segments: Sequence[dict[str, Any]]) -> None:
        self.places = {place["id"]: place for place in segments}
        self.told = [place for place in segments if not place.get("lends")]
        self.media: dict[int, SegmentMedia | None] = {}
        self.is_damaged = False

    def locate(self, segment: int) -> Path:
        return Path(self.places[segment]["path"])

    def plan(self, asked: Interval, cut: Cut = Cut.EXACT) -> ExportPlan:
        """Plan what is shown in *asked*.

        Raises:
            NoFootage: nothing is; also when all of it is damaged.
            CodecChanged: as `make_plan`.
        """
        return self.plan_of(asked, self.begun_before(asked.end), cut)

    def plan_of(self, asked: Interval, segments: Sequence[SegmentMedia], cut: Cut) -> ExportPlan:
        """Plan *asked* from *segments* and what their first moment needs; raises as `plan`."""
        before = self.lenders(asked, segments, cut)
        return make_plan(asked, segments, cut=cut, before=before)

    def begun_before(self, end: datetime) -> list[SegmentMedia]:
        found = [self.open(place) for place in self.told if instant(place["begin"]) < end]
        return [one for one in found if one is not None]

    def lenders(
        self, asked: Interval, segments: Sequence[SegmentMedia], cut: Cut
    ) -> list[SegmentMedia]:
        """Open what the first moment of *asked* needs of segments before; see `exports.lending`."""
        before = [one for one in segments if one.begin < asked.begin]
        while (begin := wanted_before(asked, segments, before, cut)) is not None:
            known = {one.id for one in before}
            places = [one for one in self.places.values() if instant(one["begin"]) < begin]
            sooner = [place for place in places if place["id"] not in known]
            lender = self.open(max(sooner, key=lambda one: one["begin"])) if sooner else None
            if lender is None:
                break
            before.append(lender)
        return before

    def open(self, place: dict[str, Any]) -> SegmentMedia | None:
        key = place["id"]
        if key not in self.media:
            path = Path(place["path"])
            try:
                media = read_with_sidecar(path, Path(place["sidecar"]))
            except UnreadableMedia:
                self.media[key], self.is_damaged = None, True
            else:
                leading = leading_pictures(path, media)
                self.media[key] = SegmentMedia(key, instant(place["begin"]), media, leading)
        return self.media[key]

    def later_begins(self, after: datetime) -> Iterable[datetime]:
        """List where segments begin that begin after *after*, soonest first."""
        begins = (instant(place["begin"]) for place in self.told)
        return sorted(begin for begin in begins if begin > after)
