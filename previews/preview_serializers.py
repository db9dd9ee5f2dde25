"""Orders of previews coming in, links going out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from rest_framework import serializers

from cameras.access import visible_cameras
from cameras.models import Camera, Stream
from downloads.serializers import BLOCKED_CAMERA, UNKNOWN_CAMERA, Errors, WordField, refuse
from previews.archive_serializers import (
    ANY_STREAM,
    TtlField,
    blocked_uuids,
    refuse_too_many,
)
from previews.preview_moments import Asked, Moment, find_moments
from vms.accounts.models import User
from vms.api.dates import ZonedDateTimeField
from vms.api.errors import InvalidData, dotted_errors

IN_FUTURE = "This is in the future."
NO_FOOTAGE = "There is no footage at this time or later."
NO_STREAM = "The camera has no such stream."
NOT_AN_OBJECT = "Send a JSON object with cameras."


class CameraPreviewSerializer(serializers.Serializer):
    """One moment of one camera; without `date` a live one."""

    uuid = serializers.UUIDField()
    stream_type = WordField([*Stream.Type.values, ANY_STREAM], required=False, allow_null=True)
    date = ZonedDateTimeField(required=False, allow_null=True)


class FormSerializer(serializers.Serializer):
    """What every request for links may say."""

    ttl = TtlField()

    def get_fields(self) -> dict[str, Any]:
        # `source` is a word of DRF, so it cannot be a class attribute.
        return {**super().get_fields(), "source": WordField(["mp4", "jpg"], default="mp4")}


class PreviewLinksSerializer(FormSerializer):
    """The body of a request for links to previews."""

    cameras = CameraPreviewSerializer(many=True, allow_empty=False)


class CameraQuerySerializer(FormSerializer):
    """The query of a request for a link to one camera's preview."""

    date = ZonedDateTimeField(required=False, allow_null=True)
    download = serializers.BooleanField(default=False)
    stream_type = WordField([*Stream.Type.values, ANY_STREAM], required=False, allow_null=True)


class LinkFactsSerializer(serializers.Serializer):
    """Until when a link works; `at` is the instant it shows, null for a live one."""

    expired_at = ZonedDateTimeField()
    at = ZonedDateTimeField(allow_null=True)
    move_to = ZonedDateTimeField(
        allow_null=True, help_text="nothing was recorded at the time asked; this is shown instead"
    )


class PreviewLinkSerializer(LinkFactsSerializer):
    """A link to one camera's preview."""

    url = serializers.URLField()


class CameraPreviewLinkSerializer(LinkFactsSerializer):
    """A link, under the name that this call has for it."""

    preview = serializers.URLField()
    is_need_token = serializers.BooleanField(help_text="false: the link is all that is needed")


@dataclass(frozen=True)
class PreviewOrder:
    """A valid request: what to show of each camera, in the order asked."""

    moments: list[Moment]
    source: str
    ttl: timedelta
    downloads: bool = False


def previews_of(user: User | AnonymousUser, data: Any, now: datetime) -> PreviewOrder:
    """Read the body of a request for links; every wrong key is reported at once.

    Raises:
        InvalidData: with every wrong key.
        AccessBlocked: a camera is blocked for the user.
    """
    if not isinstance(data, Mapping):
        raise InvalidData({"cameras": [NOT_AN_OBJECT]})
    refuse_too_many(data.get("cameras"))
    form = PreviewLinksSerializer(data=data)
    errors: Errors = {} if form.is_valid() else dict(dotted_errors(form.errors))
    asked = read_cameras(user, data.get("cameras"), now, errors)
    refuse(errors)
    values = form.validated_data
    return PreviewOrder(moments_of(asked), values["source"], timedelta(seconds=values["ttl"]))


def preview_of(camera: Camera, query: Mapping[str, Any], now: datetime) -> PreviewOrder:
    """Read the query of a request for a link to one camera, whose streams are loaded.

    Raises:
        InvalidData: with every wrong key.
    """
    form = CameraQuerySerializer(data={name: query[name] for name in query if query[name]})
    errors: Errors = {} if form.is_valid() else dict(dotted_errors(form.errors))
    at = item_value(form.fields["date"], query.get("date") or serializers.empty)
    if at is not None and at > now:
        errors["date"] = [IN_FUTURE]
    refuse(errors)
    values = form.validated_data
    kind = values.get("stream_type")
    (moment,) = find_moments([Asked(camera, None if kind == ANY_STREAM else kind, at)])
    if moment is None:
        refuse({"stream_type": [NO_STREAM]} if at is None else {"date": [NO_FOOTAGE]})
    ttl = timedelta(seconds=values["ttl"])
    return PreviewOrder([moment] if moment else [], values["source"], ttl, values["download"])


def moments_of(asked: list[Asked]) -> list[Moment]:
    """Find what is shown of each camera.

    Raises:
        InvalidData: of some there is nothing.
    """
    moments = find_moments(asked)
    errors: Errors = {}
    for index, (one, moment) in enumerate(zip(asked, moments, strict=True)):
        if moment is None and one.at is None:
            errors[f"cameras.{index}.stream_type"] = [NO_STREAM]
        elif moment is None:
            errors[f"cameras.{index}.date"] = [NO_FOOTAGE]
    refuse(errors)
    return [moment for moment in moments if moment is not None]


def read_cameras(
    user: User | AnonymousUser, sent: Any, now: datetime, errors: Errors
) -> list[Asked]:
    """Check access and date of each camera as far as its keys can be read: two queries."""
    values = [item_values(item) for item in (sent if isinstance(sent, list) else [])]
    uuids = {value["uuid"] for value in values if "uuid" in value}
    cameras = {one.uuid: one for one in with_streams(user, uuids)}
    blocked = blocked_uuids(user, uuids - cameras.keys())
    asked = []
    for index, value in enumerate(values):
        uuid, at = value.get("uuid"), value.get("date")
        if at is not None and at > now:
            errors[f"cameras.{index}.date"] = [IN_FUTURE]
        if uuid in cameras:
            kind = value.get("stream_type")
            asked.append(Asked(cameras[uuid], None if kind == ANY_STREAM else kind, at))
        elif uuid is not None:
            problem = BLOCKED_CAMERA if uuid in blocked else UNKNOWN_CAMERA
            errors[f"cameras.{index}.uuid"] = [problem]
    return asked


def with_streams(user: User | AnonymousUser, uuids: set[UUID]) -> list[Camera]:
    if not uuids:
        return []
    return list(visible_cameras(user).filter(uuid__in=uuids).prefetch_related("streams"))


def item_values(item: Any) -> dict[str, Any]:
    """Read those keys of one camera that can be read."""
    sent = item if isinstance(item, Mapping) else {}
    fields = CameraPreviewSerializer().fields.items()
    read = {name: item_value(field, sent[name]) for name, field in fields if name in sent}
    return {name: value for name, value in read.items() if value is not None}


def item_value(field: serializers.Field, sent: Any) -> Any:
    """Read one value, None when it cannot be read."""
    try:
        return field.run_validation(sent)
    except (serializers.SkipField, serializers.ValidationError):
        return None
