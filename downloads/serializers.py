"""Downloads on the wire: orders coming in, records going out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from django.conf import settings
from django.db.models import BigIntegerField
from rest_framework import serializers

from cameras.access import StreamChoice, blocked_ids, streams_for, visible_cameras
from cameras.models import Camera, Stream
from cameras.serializers import stream_record
from cameras.timeline import Interval
from downloads.models import Download
from downloads.naming import link_path
from exports.engines.containers import CONTAINERS, MP4
from exports.options import Options
from exports.terms import Cut, Gaps
from vms.accounts.models import Session, User
from vms.accounts.serializers import UserSerializer
from vms.api.dates import ZonedDateTimeField, wire_interval_time, wire_timestamp
from vms.api.errors import AccessBlocked, InvalidData

UNKNOWN_CAMERA = "There is no such camera."
BLOCKED_CAMERA = "Access to this camera is blocked."
NO_FOOTAGE = "There is no recorded archive in this interval."

Errors = dict[str, Any]


def camera_id_field(*, is_required: bool = True) -> serializers.IntegerField:
    """Read the id of a camera; one that no database can hold is an unknown camera."""
    return serializers.IntegerField(
        required=is_required,
        allow_null=not is_required,
        min_value=1,
        max_value=BigIntegerField.MAX_BIGINT,
        error_messages={"min_value": UNKNOWN_CAMERA, "max_value": UNKNOWN_CAMERA},
    )


@dataclass(frozen=True)
class Order:
    """A valid request: the interval, and for each camera in the order asked its stream."""

    interval: Interval
    streams: tuple[tuple[Camera, Stream], ...]
    options: Options


class WordField(serializers.ChoiceField):
    """One of a few words; the refusal names them and does not repeat what was sent."""

    def fail(self, key: str, **kwargs: Any) -> NoReturn:
        if key == "invalid_choice":
            words = ", ".join(str(word) for word in self.choices)
            raise serializers.ValidationError(f"Write one of: {words}.", code=key)
        super().fail(key, **kwargs)


class CameraIdsField(serializers.ListField):
    """Camera ids; counted before each is looked at, so that a long list costs nothing."""

    def to_internal_value(self, data: Any) -> Any:
        most = settings.VMS["VMS_EXPORT_MAX_CAMERAS"]
        if isinstance(data, list) and len(data) > most:
            raise serializers.ValidationError([f"At most {most} cameras in one request."])
        return super().to_internal_value(data)


class OrderSerializer(serializers.Serializer):
    """The body of a request for files. Every wrong key is reported at once."""

    ids = CameraIdsField(child=camera_id_field(), allow_empty=False)
    stream = WordField(Stream.Type.values, required=False, allow_null=True)
    format = WordField(list(CONTAINERS), default=MP4.name)
    cut = WordField([str(cut) for cut in Cut], default=str(Cut.EXACT))
    gaps = WordField([str(gaps) for gaps in Gaps], default=str(Gaps.COLLAPSE))
    transcode = serializers.BooleanField(default=False)

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python, so these two cannot be class attributes.
        return {"from": ZonedDateTimeField(), "to": ZonedDateTimeField(), **super().get_fields()}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Check each key by itself, then what keys mean together as far as they are right."""
        if not isinstance(data, Mapping):
            raise InvalidData({"from": ["Send a JSON object with from, to and ids."]})
        values, errors = self.read_keys(data)
        self.read_ids(data, values, errors)
        self.check_interval(values, errors)
        if "ids" in values:
            self.check_cameras(values, errors)
        refuse(errors)
        return values

    def read_keys(self, data: Mapping[str, Any]) -> tuple[dict[str, Any], Errors]:
        values: dict[str, Any] = {}
        errors: Errors = {}
        for name, field in self.fields.items():
            try:
                values[name] = field.run_validation(data.get(name, serializers.empty))
            except serializers.SkipField:
                continue
            except serializers.ValidationError as error:
                errors[name] = error.detail
        return values, errors

    def read_ids(self, data: Mapping[str, Any], values: dict[str, Any], errors: Errors) -> None:
        """Keep the ids that can be read, None for each other, so that all are checked at once."""
        if not isinstance(errors.get("ids"), dict):
            return
        wrong = errors.pop("ids")
        child = camera_id_field()
        values["ids"] = [
            None if index in wrong else child.run_validation(item)
            for index, item in enumerate(data["ids"])
        ]
        errors.update({f"ids.{index}": messages for index, messages in wrong.items()})

    def check_interval(self, values: dict[str, Any], errors: Errors) -> None:
        begin, end, now = values.get("from"), values.get("to"), self.context["now"]
        if end is not None and end > now:
            errors.setdefault("to", []).append("The end must not be in the future.")
        if begin is None or end is None:
            return
        if end <= begin:
            errors.setdefault("to", []).append("The end must be after the begin.")
        elif end - begin > timedelta(seconds=settings.VMS["VMS_EXPORT_MAX_SECONDS"]):
            hours = settings.VMS["VMS_EXPORT_MAX_SECONDS"] / 3600
            errors.setdefault("to", []).append(f"The interval must not exceed {hours:g} hours.")
        if "to" not in errors:
            values["interval"] = Interval(begin, end)

    def check_cameras(self, values: dict[str, Any], errors: Errors) -> None:
        """Check repetition, access and footage; unknown and foreign cameras look alike."""
        ids = values["ids"]
        user = self.context["user"]
        known = [camera_id for camera_id in ids if camera_id is not None]
        cameras = {camera.pk: camera for camera in visible_cameras(user).filter(pk__in=known)}
        blocked = blocked_ids(user, known)
        interval, chosen = values.get("interval"), {}
        if interval is not None:
            chosen = self.choose_streams(cameras.values(), interval, values)
        values["streams"] = []
        for index, camera_id in enumerate(ids):
            key = f"ids.{index}"
            if camera_id is None:
                continue  # said already
            if camera_id in ids[:index]:
                errors[key] = ["This camera is asked for twice."]
            elif camera_id in blocked:
                errors[key] = [BLOCKED_CAMERA]
            elif camera_id not in cameras:
                errors[key] = [UNKNOWN_CAMERA]
            elif interval is not None and not self.is_enough(chosen[camera_id]):
                errors[key] = [NO_FOOTAGE]
            elif interval is not None:
                values["streams"].append((cameras[camera_id], chosen[camera_id].stream))
        self.check_quota(len(ids), errors)

    def choose_streams(
        self, cameras: Iterable[Camera], interval: Interval, values: Mapping[str, Any]
    ) -> dict[int, StreamChoice]:
        return streams_for(cameras, interval, values.get("stream"))

    def is_enough(self, choice: StreamChoice) -> bool:
        """Say whether a camera with this choice of a stream may be asked for."""
        return choice.has_footage

    def check_quota(self, asked: int, errors: Errors) -> None:
        if message := over_quota(self.context["user"], asked):
            errors.setdefault("ids", []).append(message)


def over_quota(user: User, asked: int) -> str | None:
    """Say why *user* may not have *asked* more files in progress; None when they may."""
    most = settings.VMS["VMS_EXPORT_MAX_ACTIVE"]
    active = Download.objects.of(user.pk).in_progress().count()
    if active + asked <= most:
        return None
    return f"At most {most} files may be in progress; {active} are. Wait for some to finish."


def refuse(errors: Errors) -> None:
    """Raise for *errors*; when all of them are blocked cameras it is a matter of permission."""
    if not errors:
        return
    if all(messages == [BLOCKED_CAMERA] for messages in errors.values()):
        raise AccessBlocked(errors)
    raise InvalidData(errors)


def order_of(
    user: User, data: Any, now: datetime, form: type[OrderSerializer] = OrderSerializer
) -> Order:
    """Read the body of a request for files.

    Raises:
        InvalidData: with every wrong key. AccessBlocked: a camera is blocked for the user.
    """
    # Not is_valid: it would turn a blocked camera into any wrong value.
    values = form(context={"user": user, "now": now}).run_validation(data)
    return Order(
        interval=values["interval"],
        streams=tuple(values["streams"]),
        options=Options(
            values["format"], Cut(values["cut"]), Gaps(values["gaps"]), values["transcode"]
        ),
    )


def record(download: Download, now: datetime, origin: str) -> dict[str, Any]:
    """Make the record of the answer to create and of the push; *origin* begins its link.

    Needs `download.job` loaded.
    """
    url = url_of(download, now, origin)
    exists = url is not None
    job = download.job
    return {
        "id": download.pk,
        "name": download.name,
        "type": download.type,
        "url": url,
        "from": wire_interval_time(download.begin),
        "to": wire_interval_time(download.end),
        "created_at": wire_timestamp(download.created_at),
        "updated_at": wire_timestamp(download.updated_at),
        "is_file_exists": exists,
        "user_id": download.user_id,
        "status": download.status(now),
        "progress": job.progress,
        "queue_position": job.position if download.cancelled_at is None else None,
        "error": error_of(download),
        "expires_at": wire_timestamp(download.goes_at) if exists and download.goes_at else None,
        "size": job.size,
        "duration": job.duration.total_seconds() if job.duration else None,
        "sha256": job.sha256 or None,
        "coverage": job.coverage,
        "warnings": job.warnings,
        "cut": job.cut,
        "mode": job.mode or None,
        "engine": job.engine or None,
    }


def url_of(download: Download, now: datetime, origin: str) -> str | None:
    """Return the link of the file, or straight to the archive where that was ordered."""
    if download.has_link(now):
        return origin + download.link
    if download.is_file_exists(now):
        return origin + link_path(download.secret, download.name)
    return None


def error_of(download: Download) -> dict[str, str] | None:
    job = download.job
    if download.cancelled_at is not None or not job.error_code:
        return None
    return {"code": job.error_code, "message": job.error_message}


def listed_record(
    download: Download, now: datetime, origin: str, session: Session | None
) -> dict[str, Any]:
    """Make the record of lists and of show: with its stream and its user.

    Needs job, stream and user loaded; *session* is the one that asks.
    """
    return {
        **record(download, now, origin),
        "attributes": [],
        "stream": stream_record(download.stream) if download.stream else None,
        "user": UserSerializer(download.user, context={"session": session}).data,
    }
