"""Downloads on the wire of the Admin API: orders by camera or stream, records with all of both.

The records are those of `aipix-admin-video-generation.txt`: every key is always there. What we have
no such thing for has the value the documented system shows for "none".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db.models import BigIntegerField
from rest_framework import serializers

from cameras.access import StreamChoice, with_footage
from cameras.models import Camera, Stream
from cameras.serializers import TYPE, status_of, stream_record
from cameras.sources import shown_url
from cameras.timeline import Interval
from downloads.models import Download
from downloads.serializers import (
    CameraIdsField,
    Errors,
    OrderSerializer,
    camera_id_field,
    listed_record,
)
from vms.accounts.models import Session
from vms.api.dates import wire_timestamp

TARGETS = ("camera_id", "stream_id", "ids")
ONE_TARGET = "Send exactly one of camera_id, stream_id and ids."
UNKNOWN_STREAM = "There is no such stream."
STREAM_NAMED = "Leave this out: stream_id names the stream."


class AdminOrderSerializer(OrderSerializer):
    """The body of an operator's request: one of camera_id, stream_id and ids, null as if absent."""

    camera_id = camera_id_field(is_required=False)
    stream_id = serializers.IntegerField(
        min_value=1,
        max_value=BigIntegerField.MAX_BIGINT,
        required=False,
        allow_null=True,
        error_messages={"min_value": UNKNOWN_STREAM, "max_value": UNKNOWN_STREAM},
    )
    ids = CameraIdsField(
        child=camera_id_field(), allow_empty=False, required=False, allow_null=True
    )

    def read_ids(self, data: Mapping[str, Any], values: dict[str, Any], errors: Errors) -> None:
        """Turn each kind of target into ids of cameras; `only` is the stream asked for by id."""
        super().read_ids(data, values, errors)
        given = [name for name in TARGETS if data.get(name) is not None]
        if values.get("ids") is None:
            values.pop("ids", None)
        if len(given) != 1:
            for name in given or TARGETS[:1]:
                errors[name] = [ONE_TARGET]
            values.pop("ids", None)
        elif given == ["camera_id"] and "camera_id" in values:
            values["ids"] = [values["camera_id"]]
        elif given == ["stream_id"] and "stream_id" in values:
            self.read_stream(values, errors)

    def read_stream(self, values: dict[str, Any], errors: Errors) -> None:
        stream = Stream.objects.filter(pk=values["stream_id"]).first()
        if stream is None:
            errors["stream_id"] = [UNKNOWN_STREAM]
        elif values.get("stream") is not None:
            errors["stream"] = [STREAM_NAMED]
        else:
            values["ids"], values["only"] = [stream.camera_id], stream

    def check_cameras(self, values: dict[str, Any], errors: Errors) -> None:
        """Check as for clients, and say it of the key that was sent."""
        found: Errors = {}
        super().check_cameras(values, found)
        one = next((name for name in ("camera_id", "stream_id") if values.get(name)), None)
        if one and found:
            found = {one: [text for texts in found.values() for text in texts]}
        errors.update(found)

    def choose_streams(
        self, cameras: Iterable[Camera], interval: Interval, values: Mapping[str, Any]
    ) -> dict[int, StreamChoice]:
        only = values.get("only")
        if only is None:
            return super().choose_streams(cameras, interval, values)
        has_footage = bool(with_footage([only], interval))
        return {only.camera_id: StreamChoice(only, has_footage=has_footage)}


def admin_record(
    download: Download, now: datetime, origin: str, session: Session | None
) -> dict[str, Any]:
    """Make the record of all answers; needs what `filters.everybodys_history` loads."""
    stream = download.stream
    return {
        **listed_record(download, now, origin, session),
        "stream": long_stream_record(stream) if stream else None,
    }


def long_stream_record(stream: Stream) -> dict[str, Any]:
    """Make the long form of a stream with its camera; of its address no user and no password."""
    url = shown_url(stream.url)
    return {
        **stream_record(stream),
        "url": url,
        "bitrate": None,
        "resolution": f"{stream.width}x{stream.height}" if stream.width else None,
        "output_rate": None,
        "ip": host_of(url),
        "uuid": str(stream.uuid),
        "sound": None,
        "streams_count": None,
        "created_at": wire_timestamp(stream.created_at),
        "updated_at": wire_timestamp(stream.updated_at),
        "is_enabled": stream.is_enabled,
        "is_can_transfer": True,
        "source": "manual",
        "is_sound_enabled": None,
        "reconnect_attempt": None,
        "reconnect_total": None,
        "reconnect_time": None,
        "disconnections_count": stream.disconnections_count,
        "camera": camera_record(stream.camera, host_of(url)),
        "is_actual": True,
        "condition": "active" if stream.is_enabled else "inactive",
        "stopped_at": "",
    }


def camera_record(camera: Camera, host: str) -> dict[str, Any]:
    """Make the operator's form of a camera; needs its streams loaded."""
    streams = camera.streams.all()
    return {
        "id": camera.pk,
        "group_id": camera.group_id,
        "status": str(status_of(streams)),
        "type": TYPE,
        "start_at": None,
        "created_at": wire_timestamp(camera.created_at),
        "name": camera.name,
        "can_edit": True,
        "origin": None,
        "user_type": "individual",
        "shared_from": None,
        "ip": host,
        "lat": None,
        "lng": None,
        "azimuth": None,
        "is_sensitive": 0,
        "is_public": int(camera.is_public),
        "is_ip_reserved": False,
        "count_issues": 0,
        "source": "manual",
        "archive_storage_days": camera.archive_storage_days,
        "is_archive_recording": any(stream.url and stream.is_enabled for stream in streams),
        "archive_recording_type": "fulltime",
        "is_increased_reconnect": 0,
        "is_sound_enabled": True,
        "is_bridge": False,
        "can_change_archive_timetable": True,
        "is_auto_create_streams": False,
        "is_provisioning_enable": False,
        "is_can_manage_archive_storage_days": True,
        "is_editable": True,
        "status_changed_at": None,
        "is_intercom": False,
        "deleted_at": None,
    }


def host_of(shown: str) -> str:
    """Return the host of an address that has no credentials any more; empty where there is none."""
    try:
        return urlsplit(shown).hostname or ""
    except ValueError:
        return ""
