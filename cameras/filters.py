"""What cameras are asked for by: the queries of the list, of several ids and of an interval."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db.models import BigIntegerField, Exists, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.http import QueryDict
from rest_framework import serializers

from cameras.models import Camera, Segment, Stream
from cameras.serializers import Status
from cameras.timeline import Interval
from vms.api.dates import ZonedDateTimeField
from vms.api.errors import InvalidData
from vms.api.pagination import page_errors

MOST_SHOWN = 25
MOST_EXCLUDED = 500
LONGEST_RANGE = timedelta(days=100)


class WordField(serializers.ChoiceField):
    """One of a few words; the refusal names them and does not repeat what was sent."""

    def __init__(self, words: Sequence[str], **kwargs: Any) -> None:
        refusal: dict[str, Any] = {"invalid_choice": f"Write one of: {', '.join(words)}."}
        super().__init__(list(words), error_messages=refusal, **kwargs)


class IdsField(serializers.ListField):
    """Ids of cameras; counted before each is looked at, so that a long list costs nothing."""

    child = serializers.IntegerField()

    def __init__(self, most: int, **kwargs: Any) -> None:
        self.most = most
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> list[int]:
        if isinstance(data, list) and len(data) > self.most:
            raise serializers.ValidationError([f"At most {self.most} cameras in one request."])
        return [one for one in super().to_internal_value(data) if can_be_id(one)]


class ListQuerySerializer(serializers.Serializer):
    search = serializers.CharField(required=False, max_length=100)
    group_id = serializers.IntegerField(required=False)
    statuses = serializers.ListField(child=WordField(list(Status)), required=False)
    exclude_ids = IdsField(MOST_EXCLUDED, required=False)


class ShowsQuerySerializer(serializers.Serializer):
    ids = IdsField(MOST_SHOWN, allow_empty=False)


class RangeQuerySerializer(serializers.Serializer):
    """An interval and perhaps a stream. Every wrong key is reported at once."""

    stream = WordField(list(Stream.Type.values), required=False)

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python, so these two cannot be class attributes.
        return {"from": ZonedDateTimeField(), "to": ZonedDateTimeField(), **super().get_fields()}


def narrow(cameras: QuerySet[Camera], query: QueryDict) -> QuerySet[Camera]:
    """Apply the filters of a query string; an empty one counts as absent.

    Raises:
        InvalidData: with every wrong key, those of the page too.
    """
    serializer = ListQuerySerializer(data=read_query(query, "statuses", "exclude_ids"))
    serializer.is_valid()
    if errors := {**serializer.errors, **page_errors(query)}:
        raise InvalidData(errors)
    wanted = serializer.validated_data
    if "search" in wanted:
        cameras = cameras.filter(name__icontains=wanted["search"])
    if "group_id" in wanted:
        group_id = wanted["group_id"]
        cameras = cameras.filter(group_id=group_id) if can_be_id(group_id) else cameras.none()
    if "statuses" in wanted:
        cameras = cameras.filter(has_status(wanted["statuses"]))
    if "exclude_ids" in wanted:
        cameras = cameras.exclude(pk__in=wanted["exclude_ids"])
    return cameras


def can_be_id(number: int) -> bool:
    """Say whether a database can hold *number* as an id; what it cannot is the id of nothing."""
    return 0 < number <= BigIntegerField.MAX_BIGINT


def asked_ids(query: QueryDict) -> list[int]:
    """Read `ids[]`, each once, in the order asked.

    Raises:
        InvalidData: with every wrong key.
    """
    serializer = ShowsQuerySerializer(data=read_query(query, "ids"))
    serializer.is_valid(raise_exception=True)
    return list(dict.fromkeys(serializer.validated_data["ids"]))


def asked_range(query: QueryDict) -> tuple[Interval, str | None]:
    """Read `from`, `to` and `stream`.

    Raises:
        InvalidData: with every wrong key.
    """
    data = read_query(query)
    serializer = RangeQuerySerializer(data=data)
    serializer.is_valid()
    errors: dict[str, Any] = dict(serializer.errors)
    interval = None
    if "from" not in errors and "to" not in errors:
        field = ZonedDateTimeField()
        begin, end = field.run_validation(data["from"]), field.run_validation(data["to"])
        if end <= begin:
            errors["to"] = ["The end must be after the begin."]
        elif end - begin > LONGEST_RANGE:
            errors["to"] = [f"The interval must not exceed {LONGEST_RANGE.days} days."]
        else:
            interval = Interval(begin, end)
    if errors or interval is None:
        raise InvalidData(errors)
    return interval, serializer.validated_data.get("stream")


def read_query(query: QueryDict, *lists: str) -> dict[str, Any]:
    """Take what is not empty; *lists* are written `name[]=1&name[]=2`, or without the brackets."""
    values: dict[str, Any] = {key: value for key, value in query.items() if value != ""}
    for name in lists:
        values.pop(name, None)
        if items := query.getlist(f"{name}[]") + query.getlist(name):
            values[name] = items
    return values


def has_status(statuses: list[str]) -> Q:
    """Say in SQL what `cameras.serializers.status_of` says of one camera."""
    streams = Stream.objects.filter(camera=OuterRef("pk"))
    none, active = ~Exists(streams), Exists(streams.filter(status=Stream.Status.ACTIVE))
    inactive = Exists(streams.filter(status=Stream.Status.INACTIVE))
    meaning = {
        Status.EMPTY: Q(none),
        Status.ACTIVE: Q(active),
        Status.INACTIVE: Q(inactive) & ~Q(active),
        Status.INITIAL: ~Q(none) & ~Q(inactive) & ~Q(active),
    }
    found = Q(pk__in=[])
    for status in statuses:
        found |= meaning[Status(status)]
    return found


def with_streams(cameras: QuerySet[Camera]) -> QuerySet[Camera]:
    """Load the streams too, and where the archive of each begins and ends: one query for all."""
    archive = Segment.objects.filter(stream=OuterRef("pk"))
    streams = Stream.objects.annotate(
        archive_begin=Subquery(archive.order_by("begin").values("begin")[:1]),
        archive_end=Subquery(archive.order_by("-begin").values("end")[:1]),
    )
    return cameras.prefetch_related(Prefetch("streams", queryset=streams))
