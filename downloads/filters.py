"""What a list of downloads may be narrowed by."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import BigIntegerField, Q
from django.http import QueryDict
from rest_framework import serializers

from downloads.models import STATUS, Download, DownloadQuerySet, link_works
from downloads.serializers import WordField, camera_id_field
from exports.models import ExportJob
from vms.accounts.models import User
from vms.api.dates import ZonedDateTimeField
from vms.api.errors import InvalidData
from vms.api.pagination import page_errors

UNKNOWN_USER = "There is no such user."


class FilterSerializer(serializers.Serializer):
    """The query: `from` and `to` bound the creation, both included; the others are ours."""

    status = WordField(list(STATUS.values()), required=False)
    ids = serializers.ListField(child=camera_id_field(), required=False)
    search = serializers.CharField(required=False, max_length=100)

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python, so these two cannot be class attributes.
        return {
            "from": ZonedDateTimeField(required=False),
            "to": ZonedDateTimeField(required=False),
            **super().get_fields(),
        }


class OperatorFilterSerializer(FilterSerializer):
    """The query of operators, who see everybody's."""

    user_id = serializers.IntegerField(
        required=False, min_value=1, max_value=BigIntegerField.MAX_BIGINT
    )


class OwnFilterSerializer(OperatorFilterSerializer):
    """The query of everybody else: their own downloads, or those of one of their sub-users.

    Needs `context={"user": user}`. Unknown and foreign users look alike.
    """

    def validate_user_id(self, user_id: int) -> int:
        user = self.context["user"]
        if user_id != user.pk and not user.sub_users.filter(pk=user_id).exists():
            raise serializers.ValidationError(UNKNOWN_USER)
        return user_id

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {"user_id": self.context["user"].pk, **attrs}


def narrow(
    downloads: DownloadQuerySet,
    query: QueryDict,
    now: datetime,
    form: type[FilterSerializer] = FilterSerializer,
    user: User | None = None,
) -> DownloadQuerySet:
    """Apply the filters of a query string that *user* sent; an empty one counts as absent.

    Raises:
        InvalidData: with every wrong key, those of the page too.
    """
    data: dict[str, Any] = {key: value for key, value in query.items() if value != ""}
    ids = query.getlist("ids[]") + query.getlist("ids")
    data = {**data, "ids": ids} if ids else data
    serializer = form(data=data, context={"user": user})
    serializer.is_valid()
    if errors := {**serializer.errors, **page_errors(query)}:
        raise InvalidData(errors)
    wanted = serializer.validated_data
    if "from" in wanted:
        downloads = downloads.filter(created_at__gte=wanted["from"])
    if "to" in wanted:
        downloads = downloads.filter(created_at__lte=wanted["to"])
    if "user_id" in wanted:
        downloads = downloads.of(wanted["user_id"])
    if "ids" in wanted:
        downloads = downloads.filter(stream__camera_id__in=wanted["ids"])
    if "search" in wanted:
        downloads = downloads.filter(name__icontains=wanted["search"])
    if "status" in wanted:
        downloads = downloads.filter(has_status(wanted["status"], now))
    return downloads


def has_status(status: str, now: datetime) -> Q:
    """Say in SQL what `Download.status` says of one row."""
    if status == "cancelled":
        return Q(job__state=ExportJob.State.CANCELLED) | Q(cancelled_at__isnull=False)
    live = Q(cancelled_at=None)
    gone = Q(expires_at__lte=now) | Q(expires_at=None, job__expires_at__lte=now)
    linked = link_works(now)
    if status == "ready":
        return live & (linked | Q(job__state=ExportJob.State.READY) & ~gone)
    if status == "expired":
        return live & (
            Q(job__state=ExportJob.State.EXPIRED) & ~linked
            | Q(job__state=ExportJob.State.READY) & gone
        )
    state = next(state for state, word in STATUS.items() if word == status)
    return live & Q(job__state=state)


def history(user_id: int) -> DownloadQuerySet:
    """A user's downloads, newest first, with what a record shows."""
    return histories().of(user_id)


def histories() -> DownloadQuerySet:
    """All downloads, newest first, with what a record shows."""
    return Download.objects.with_related().order_by("-created_at", "id")


def everybodys_history() -> DownloadQuerySet:
    """All downloads, newest first, with what a record of the Admin API shows."""
    return (
        Download.objects.with_related()
        .select_related("stream__camera")
        .prefetch_related("stream__camera__streams")
        .order_by("-created_at", "id")
    )
