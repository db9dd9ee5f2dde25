"""From a stream and an interval to the plan of a file: rows, what their files hold, decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from django.conf import settings

from cameras.archive.index import FoundSegment, OutsideFolder, Places, segments_touching
from cameras.archive.sidecars import sidecar_path
from cameras.models import Stream
from cameras.timeline import Interval
from exports.cutting import SegmentMedia
from exports.errors import NoFootage, TooLarge
from exports.lending import wanted_before
from exports.options import Options
from exports.plan import ExportPlan, make_plan
from exports.terms import HOLD, Cut, megabytes
from exports.unusable import Refusal, nothing_left
from vms.media.collecting import rarely_collected
from vms.media.kept import read_with_sidecar
from vms.media.keyframes import leading_pictures
from vms.media.probe import UnreadableMedia

# So many segments are read before anybody may have a word.
BATCH = 64

# Does work on so many bytes of the archive, (share done, bytes, work) -> None; may raise to stop.
Doing = Callable[[float, int, Callable[[], None]], None]


@dataclass
class Found:
    """What the segments of an interval hold, where they are, and which are of no use."""

    segments: list[SegmentMedia] = field(default_factory=list)
    paths: dict[int, Path] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@rarely_collected()
def plan_export(
    stream: Stream | None, interval: Interval, options: Options, doing: Doing
) -> tuple[ExportPlan, dict[int, Path]]:
    """Read the segments and plan; returns the plan and where each segment's file is.

    *doing* is handed the reading in parts. Two queries are made, and one for each segment before
    the interval that its first moment cannot be told without.

    Raises:
        NoFootage, Unusable, HasGaps, CodecChanged: there is nothing to make, or not as asked.
        TooLarge: the file would be larger than the operator allows.
    """
    if stream is None:
        raise NoFootage("The camera is gone and its archive with it.")
    rows = segments_touching(stream, Interval(interval.begin - HOLD, interval.end))
    places = Places(stream)
    found = read_all(rows, places, doing)
    before = read_before(stream, interval, options.cut, found, places, doing)
    try:
        plan = make_plan(
            interval,
            found.segments,
            cut=options.cut,
            gaps=options.gaps,
            transcode=options.transcode,
            skipped=found.notes,
            before=before,
        )
    except NoFootage:
        if not found.refused:
            raise
        raise nothing_left(found.refused) from None
    refuse_too_large(plan)
    return plan, found.paths


def read_before(
    stream: Stream, interval: Interval, cut: Cut, found: Found, places: Places, doing: Doing
) -> list[SegmentMedia]:
    """Read what the first moment of the interval needs of segments before it; see `lending`."""
    before = [one for one in found.segments if one.begin < interval.begin]
    while (begin := wanted_before(interval, found.segments, before, cut)) is not None:
        rows = segments_touching(stream, Interval(begin - HOLD, begin))
        more = read_all(
            [row for row in rows if row.id not in found.paths],
            places,
            lambda _share, size, work: doing(1, size, work),
        )
        found.paths |= more.paths
        before += more.segments
        if not more.segments:
            break
    return before


def read_all(rows: Sequence[FoundSegment], places: Places, doing: Doing) -> Found:
    found = Found()
    for first in range(0, len(rows), BATCH):
        batch = rows[first : first + BATCH]
        size = sum(row.size for row in batch)
        doing(first / len(rows), size, partial(read_some, batch, places, found))
    return found


def read_some(rows: Iterable[FoundSegment], places: Places, found: Found) -> None:
    for row in rows:
        try:
            path = found.paths[row.id] = places.path_of(row)
            media = read_with_sidecar(path, sidecar_path(row.folder_id, row.path))
        except (UnreadableMedia, OutsideFolder) as error:
            found.refused.append(Refusal(row.id, row.begin, str(error)))
            found.notes.append(found.refused[-1].warning)
            continue
        if media.truncated:
            spoken = f"segment of {row.begin:%Y-%m-%d %H:%M:%S} UTC"
            found.notes.append(f"{spoken}: damaged, used up to the damage")
        leading = leading_pictures(path, media)
        found.segments.append(SegmentMedia(row.id, row.begin, media, leading))


def refuse_too_large(plan: ExportPlan) -> None:
    limit = settings.VMS["VMS_EXPORT_MAX_BYTES"]
    if limit and plan.payload > limit:
        raise TooLarge(
            f"The file would have {megabytes(plan.payload)} MB, more than the "
            f"{megabytes(limit)} MB this server allows; choose a shorter interval."
        )
