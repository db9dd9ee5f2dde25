"""Orders of links to the archive coming in, links going out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cameras.access import blocked_ids, visible_cameras
from cameras.models import Camera, Stream
from cameras.timeline import Interval
from downloads.serializers import (
    BLOCKED_CAMERA,
    NO_FOOTAGE,
    UNKNOWN_CAMERA,
    Errors,
    WordField,
    refuse,
)
from previews.archive_footage import Shown, Wanted, find_footage
from vms.accounts.models import User
from vms.api.dates import ZonedDateTimeField
from vms.api.errors import InvalidData, dotted_errors

MOST_CAMERAS = 30
LEAST_TTL, DEFAULT_TTL, MOST_TTL = 1, 300, 86_400
ANY_STREAM = "camera"


@extend_schema_field(
    {
        "type": ["integer", "string"],
        "minimum": LEAST_TTL,
        "maximum": MOST_TTL,
        "pattern": "^[0-9]{1,5}$",
    }
)
class TtlField(serializers.IntegerField):
    """How many seconds a link is to work, as a number or as a text of digits."""

    def __init__(self) -> None:
        super().__init__(
            default=DEFAULT_TTL, min_value=LEAST_TTL, max_value=MOST_TTL, help_text="seconds"
        )


class CameraArchiveSerializer(serializers.Serializer):
    """One interval of one camera's archive."""

    uuid = serializers.UUIDField()
    stream_type = WordField(
        [*Stream.Type.values, ANY_STREAM], required=False, allow_null=True, default=None
    )

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python, so these two cannot be class attributes.
        return {**super().get_fields(), "from": ZonedDateTimeField(), "to": ZonedDateTimeField()}


class ArchiveLinksSerializer(serializers.Serializer):
    """The body of a request for links to the archive."""

    cameras = CameraArchiveSerializer(many=True, allow_empty=False)
    ttl = TtlField()

    def get_fields(self) -> dict[str, Any]:
        # `source` is a property of DRF fields.
        return {**super().get_fields(), "source": WordField(["mp4", "hls"], default="mp4")}


class ArchiveLinkSerializer(serializers.Serializer):
    """A link, until when it works, and the first instant that it shows."""

    url = serializers.URLField()
    expired_at = ZonedDateTimeField()
    at = ZonedDateTimeField()
    move_to = ZonedDateTimeField(allow_null=True)


class LinkOrder:
    """A valid request: what to show for each camera, in the order asked."""

    def __init__(self, shown: list[Shown], source: str, ttl: int) -> None:
        self.shown = shown
        self.source = source
        self.ttl = timedelta(seconds=ttl)


def links_of(user: User | AnonymousUser, data: Any, now: datetime) -> LinkOrder:
    """Read the body of a request for links; every wrong key is reported at once.

    Raises:
        InvalidData: with every wrong key. AccessBlocked: a camera is blocked for the user.
    """
    if not isinstance(data, Mapping):
        raise InvalidData({"cameras": ["Send a JSON object with cameras."]})
    refuse_too_many(data.get("cameras"))
    form = ArchiveLinksSerializer(data=data)
    errors: Errors = {} if form.is_valid() else dict(dotted_errors(form.errors))
    wanted = read_cameras(user, data.get("cameras"), now, errors)
    refuse(errors)
    shown = find_footage(wanted)
    for index, one in enumerate(shown):
        if one is None:
            errors[f"cameras.{index}.from"] = [NO_FOOTAGE]
    refuse(errors)
    values = form.validated_data
    return LinkOrder([one for one in shown if one], values["source"], values["ttl"])


def refuse_too_many(cameras: Any) -> None:
    """Count before anything is looked at, so that a long list costs nothing."""
    if isinstance(cameras, list) and len(cameras) > MOST_CAMERAS:
        raise InvalidData({"cameras": [f"At most {MOST_CAMERAS} cameras in one request."]})


def read_cameras(
    user: User | AnonymousUser, asked: Any, now: datetime, errors: Errors
) -> list[Wanted]:
    """Check access and interval of each camera as far as its keys can be read."""
    items = asked if isinstance(asked, list) else []
    values = [item_values(item) for item in items]
    uuids = {value["uuid"] for value in values if "uuid" in value}
    cameras = {one.uuid: one for one in visible_cameras(user).filter(uuid__in=uuids)}
    blocked = blocked_uuids(user, uuids - cameras.keys())
    wanted = []
    for index, value in enumerate(values):
        interval = read_interval(value, now, f"cameras.{index}", errors)
        uuid = value.get("uuid")
        if uuid in blocked:
            errors[f"cameras.{index}.uuid"] = [BLOCKED_CAMERA]
        elif uuid is not None and uuid not in cameras:
            errors[f"cameras.{index}.uuid"] = [UNKNOWN_CAMERA]
        elif uuid is not None and interval is not None:
            kind = value.get("stream_type")
            kind = None if kind == ANY_STREAM else kind
            wanted.append(Wanted(cameras[uuid], kind, interval))
    return wanted


def item_values(item: Any) -> dict[str, Any]:
    """Read those keys of one camera that can be read."""
    values: dict[str, Any] = {}
    if not isinstance(item, Mapping):
        return values
    for name, field in CameraArchiveSerializer().fields.items():
        try:
            values[name] = field.run_validation(item.get(name, serializers.empty))
        except (serializers.SkipField, serializers.ValidationError):
            continue
    return values


def blocked_uuids(user: User | AnonymousUser, uuids: set[UUID]) -> set[UUID]:
    if not uuids:
        return set()
    rows = dict(Camera.objects.filter(uuid__in=uuids).values_list("pk", "uuid"))
    return {rows[pk] for pk in blocked_ids(user, rows)}


def read_interval(
    value: Mapping[str, Any], now: datetime, key: str, errors: Errors
) -> Interval | None:
    """Check what `from` and `to` of one camera mean together."""
    begin, end = value.get("from"), value.get("to")
    longest = settings.VMS["VMS_EXPORT_MAX_SECONDS"]
    if end is not None and end > now:
        errors.setdefault(f"{key}.to", []).append("The end must not be in the future.")
    if begin is None or end is None:
        return None
    if end <= begin:
        errors.setdefault(f"{key}.to", []).append("The end must be after the begin.")
    elif end - begin > timedelta(seconds=longest):
        message = f"The interval must not exceed {longest / 3600:g} hours."
        errors.setdefault(f"{key}.to", []).append(message)
    return None if f"{key}.to" in errors else Interval(begin, end)
