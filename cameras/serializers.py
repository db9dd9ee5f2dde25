"""Cameras on the wire: objects and ranges going out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Any

from cameras.models import Camera, Stream
from cameras.timeline import Interval, find_gaps
from vms.api.dates import wire_interval_time, wire_timestamp

# What every camera of ours is to clients of the systems whose words these are: one with a server.
TYPE = "media_server_v2"


class Status(StrEnum):
    """How a camera is: of its streams the best."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    INITIAL = "initial"  # never recorded by us
    EMPTY = "empty"  # no stream at all


def camera_record(camera: Camera) -> dict[str, Any]:
    """Make the camera object of the client API, of somebody who may watch the camera.

    Needs the streams loaded by `cameras.filters.with_streams`. What we do not keep (places,
    control of the camera) is there, empty: clients read these keys.
    """
    streams = list(camera.streams.all())
    return {
        "id": camera.pk,
        "uuid": str(camera.uuid),
        "name": camera.name,
        "pretty_name": camera.name,
        "pretty_text": camera.name,
        "short_address": "",
        "full_address": "",
        "lat": None,
        "lng": None,
        "azimuth": None,
        "group_id": camera.group_id,
        "billing_id": None,
        "type": TYPE,
        "status": str(status_of(streams)),
        "user_status": "active",
        "start_at": None,
        "created_at": wire_timestamp(camera.created_at),
        "updated_at": wire_timestamp(camera.updated_at),
        "streams": [stream_record(stream) for stream in streams],
        "services": {"ptz": False, "motion_detect": False},
        "has_sound": any(stream.has_sound for stream in streams),
        "archive_ranges": outline(streams),
        "is_archive_recording": any(stream.is_enabled and stream.url for stream in streams),
        "is_bridge": False,
        "is_favorite": False,
        "is_public": camera.is_public,
    }


def stream_record(stream: Stream) -> dict[str, Any]:
    """Make the short form of a stream; its address is in none."""
    return {
        "id": stream.pk,
        "type": stream.type,
        "camera_id": stream.camera_id,
        "is_preview_from_server": True,
        "is_archive_from_server": None,
        "status": stream.status,
        "has_sound": stream.has_sound,
        "width": stream.width,
        "height": stream.height,
    }


def status_of(streams: Iterable[Stream]) -> Status:
    """Say of one camera what `cameras.filters.has_status` says in SQL."""
    statuses = {stream.status for stream in streams}
    if not statuses:
        return Status.EMPTY
    if Stream.Status.ACTIVE in statuses:
        return Status.ACTIVE
    return Status.INACTIVE if Stream.Status.INACTIVE in statuses else Status.INITIAL


def outline(streams: Iterable[Any]) -> list[dict[str, str]]:
    """Give the archive of a camera from its first to its last instant; holes are not looked for.

    So a list costs the same however much is recorded; `archive/ranges` tells the holes.
    """
    recorded = [stream for stream in streams if stream.archive_begin is not None]
    if not recorded:
        return []
    begin = min(stream.archive_begin for stream in recorded)
    end = max(stream.archive_end for stream in recorded)
    return [span_record(Interval(begin, end))]


def ranges_record(
    asked: Interval, ranges: list[Interval], stream: Stream | None, tolerance: timedelta
) -> dict[str, Any]:
    """Make the answer of `archive/ranges`; gaps no longer than *tolerance* are none."""
    return {
        **span_record(asked),
        "stream": stream.type if stream else None,
        "ranges": [span_record(one) for one in ranges],
        "gaps": [span_record(gap) for gap in find_gaps(asked, ranges, tolerance)],
        "duration": sum((one.duration for one in ranges), timedelta()).total_seconds(),
    }


def span_record(interval: Interval) -> dict[str, str]:
    return {"from": wire_interval_time(interval.begin), "to": wire_interval_time(interval.end)}
