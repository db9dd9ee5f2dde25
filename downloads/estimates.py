"""What an order would make, told beforehand from the rows of the archive's index alone.

No file of the archive is opened and nothing is written, so an estimate costs the same few queries
for any order, however the archive's disk is doing. In return it promises less than a plan: sizes
are shares of the segments' sizes, and what only their content tells (damage, encryption) is not
seen.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from cameras.access import StreamChoice
from cameras.models import Camera, Stream
from cameras.timeline import Interval, find_gaps
from downloads.footage import Footage, footage_of
from downloads.naming import display_name
from downloads.serializers import OrderSerializer, over_quota
from exports import room
from exports.errors import CodecChanged, ExportError, HasGaps, NoFootage, TooLarge
from exports.terms import HOLD, Gaps, megabytes
from vms.accounts.models import User
from vms.api.dates import wire_timestamp
from vms.api.errors import InvalidData

Refusal = dict[str, str]


class EstimateOrderSerializer(OrderSerializer):
    """The body of an order; what an order is refused for later is told camera by camera."""

    def is_enough(self, choice: StreamChoice) -> bool:  # noqa: ARG002 - the base's signature
        return True

    def check_quota(self, asked: int, errors: dict[str, Any]) -> None:
        pass


def estimate_all(user: User, data: Any, now: datetime) -> list[dict[str, Any]]:
    """Estimate an order camera by camera, in the order asked; the queries are a fixed few.

    Raises:
        InvalidData: with every wrong key, or the cameras there is no room for.
        AccessBlocked: a camera is blocked for the user.
    """
    asked = EstimateOrderSerializer(context={"user": user, "now": now}).run_validation(data)
    interval: Interval = asked["interval"]
    chosen: list[tuple[Camera, Stream | None]] = asked["streams"]
    footage = footage_of([stream for _camera, stream in chosen if stream], interval)
    quota = over_quota(user, len(chosen))
    estimates = []
    for camera, stream in chosen:
        found = footage[stream.pk] if stream else Footage()
        refusal = refusal_of(found, asked) or quota_refusal(quota)
        estimates.append(estimate(camera, stream, found, asked, refusal))
    try:
        refuse_without_room(estimates, room.available_soon(now))
    except ExportError as error:
        return [{**one, "refusal": one["refusal"] or reason(error)} for one in estimates]
    return estimates


def refuse_without_room(estimates: list[dict[str, Any]], left: int) -> None:
    """See that there is room for all files that would be made, each beside those before it.

    Raises:
        InvalidData: names the cameras for which there is none.
    """
    errors: dict[str, list[str]] = {}
    for index, one in enumerate(estimates):
        if one["refusal"]:
            continue
        if one["size"] > left:
            errors[f"ids.{index}"] = [room.short_of(one["size"], left)]
        else:
            left -= one["size"]
    if errors:
        raise InvalidData(errors)


def estimate(
    camera: Camera,
    stream: Stream | None,
    found: Footage,
    asked: dict[str, Any],
    refusal: Refusal | None,
) -> dict[str, Any]:
    """Make the answer for one camera; instants and keys as in the record's `coverage`."""
    interval = asked["interval"]
    gaps = [span(gap) for gap in find_gaps(interval, found.covered, HOLD)]
    return {
        "camera_id": camera.pk,
        "stream_id": stream.pk if stream else None,
        "name": display_name(camera.name, interval.begin, interval.end, asked["format"]),
        "coverage": {"asked": span(interval), "delivered": delivered(found), "gaps": gaps},
        "gaps": gaps,
        "size": round(found.size),
        "duration": duration(found, asked["gaps"]).total_seconds(),
        "codecs": {"video": list(found.video), "audio": list(found.audio)},
        "refusal": refusal,
    }


def delivered(found: Footage) -> dict[str, str] | None:
    if not found.covered:
        return None
    return span(Interval(found.covered[0].begin, found.covered[-1].end))


def duration(found: Footage, gaps: str) -> timedelta:
    """Return how long the file would be shown for."""
    if found.covered and gaps == Gaps.KEEP:
        return found.covered[-1].end - found.covered[0].begin
    return sum((part.duration for part in found.covered), timedelta())


def span(interval: Interval) -> dict[str, str]:
    return {"from": wire_timestamp(interval.begin), "to": wire_timestamp(interval.end)}


def refusal_of(found: Footage, asked: dict[str, Any]) -> Refusal | None:
    """Say why the file cannot be made of this footage, in the codes of failed downloads."""
    try:
        refuse_footage(found, asked)
    except ExportError as error:
        return reason(error)
    return None


def refuse_footage(found: Footage, asked: dict[str, Any]) -> None:
    """Raise what planning would.

    Raises:
        NoFootage, CodecChanged, HasGaps, TooLarge: there is nothing to make, or not as asked.
    """
    if not found.covered:
        raise NoFootage("There is no footage in the interval; choose another one.")
    if len(found.video) > 1 and not asked["transcode"]:
        instant = list(found.video.values())[1]
        raise CodecChanged(
            f"The camera changed its video codec at {instant:%Y-%m-%d %H:%M:%S} UTC; "
            "export the parts before and after that instant, or ask for transcode."
        )
    gaps = find_gaps(asked["interval"], found.covered, HOLD)
    if gaps and asked["gaps"] == Gaps.FAIL:
        raise HasGaps(f"Footage is missing from {gaps[0].begin:%Y-%m-%d %H:%M:%S} UTC.")
    room.refuse_too_large(round(found.size))
    limit = settings.VMS["VMS_EXPORT_MAX_BYTES"]
    if limit and found.size > limit:
        raise TooLarge(
            f"The file would have about {megabytes(round(found.size))} MB, more than the "
            f"{megabytes(limit)} MB this server allows; choose a shorter interval."
        )


def quota_refusal(message: str | None) -> Refusal | None:
    return {"code": "quota", "message": message} if message else None


def reason(error: ExportError) -> Refusal:
    return {"code": error.code, "message": error.message}
